import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { failures } from '../core/src/sdk/index.ts';
import { programsOf } from './clients/programs.ts';
import { execute } from './clients/python.ts';
import { backplane, folder } from './server.ts';

const root = new URL('..', import.meta.url).pathname;
const readme = await readFile(join(root, 'README.md'), 'utf8');

test("the README's config.yaml in one screen is a good config", async () => {
  const [block] = programsOf(readme).filter(({ language }) => language === 'yaml');
  const config = block?.code ?? '';
  const backend =
    "export default { name: 'mine', apiVersion: 1, config: (await import('zod')).z.object({}), setup() {} };";
  const folderOf = await folder({ 'config.yaml': config, 'my-backend.ts': backend });
  const env = { API_KEY: 'key-of-the-operator', LAB_KEY: 'key-of-the-lab' };
  expect(await backplane(['check', 'config.yaml'], { cwd: folderOf, env })).toMatchObject({ code: 0, stderr: '' });
});

test("the repository's own config.yaml is what npm start serves, and it is good", async () => {
  const { scripts } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { scripts: { start: string } };
  expect(scripts.start).toBe(
    'NODE_COMPILE_CACHE=core/.cache exec node --max-semi-space-size=8 --conditions=@backplane/source core/src/cli.ts serve config.yaml',
  );
  expect(await backplane(['check', 'config.yaml'], { cwd: root })).toMatchObject({ code: 0, stderr: '' });
});

test('the README tells how a checkout runs the command line, and it does', async () => {
  const line = 'npm run -s backplane -- check config.yaml';
  expect(readme).toContain(`\`${line}\``);
  const { code, stdout } = await execute('npm', line.split(' ').slice(1), root);
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'config.yaml is fine: 3 plugins, 1 model.\n' });
});

test('the page on the API has the failure table as it is', async () => {
  const page = await readFile(join(root, 'docs/api.md'), 'utf8');
  const rows = [...page.matchAll(/^\| `(\w+)` \| (\d{3}) \| `(\w+)` \|$/gm)].map(([, code, status, type]) => [
    code,
    [Number(status), type],
  ]);
  expect(Object.fromEntries(rows)).toEqual(failures);
});
