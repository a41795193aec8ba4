import { expect, test } from 'vitest';
import { puppet, puppetConfig } from './puppet.ts';
import { backplane, folder } from './server.ts';

test('check says that a good config is fine', async () => {
  const directory = await folder({ 'config.yaml': puppetConfig(), 'puppet.ts': puppet });
  const { code, stdout } = await backplane(['check', `${directory}/config.yaml`]);
  expect(stdout).toBe(`${directory}/config.yaml is fine: 1 plugin, 1 model.\n`);
  expect(code).toBe(0);
});

test('check prints every problem with its place, and exits 2', async () => {
  const directory = await folder({
    'config.yaml': 'server: { prot: 1 }\nplugins: [./puppet.ts]\nmodels:\n  - { id: m, backend: pupet }\n',
    'puppet.ts': puppet,
  });
  const { code, stderr } = await backplane(['check', 'config.yaml'], { cwd: directory });
  expect(code).toBe(2);
  expect(stderr).toMatch(/config\.yaml:1:11 .*did you mean "port"/s);
  expect(stderr).toMatch(/config\.yaml:4:23 .*did you mean "puppet"/s);
});

test('serve refuses a bad config in the same way', async () => {
  const directory = await folder({ 'config.yaml': 'models: 3\n' });
  const { code, stdout, stderr } = await backplane(['serve'], { cwd: directory });
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toContain('config.yaml:1:9');
});

test('schema prints a JSON Schema with the options of the loaded plugins', async () => {
  const directory = await folder({ 'config.yaml': puppetConfig(), 'puppet.ts': puppet });
  const { code, stdout } = await backplane(['schema'], { cwd: directory });
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ $schema: 'https://json-schema.org/draft/2020-12/schema' });
  expect(stdout).toContain('"slots"');
});

test('an unknown command and an unknown flag explain themselves', async () => {
  const command = await backplane(['sevre']);
  expect(command.code).toBe(2);
  expect(command.stderr).toMatch(/^There is no command sevre\.\n\nUsage: backplane/);
  const flag = await backplane(['serve', '--prot', '1']);
  expect(flag.code).toBe(2);
  expect(flag.stderr).toMatch(/--prot.*Usage: backplane/s);
});
