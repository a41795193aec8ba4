import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backplane, folder } from './server.ts';

/** A package as a third party would install it: what it imports stands in its package.json. */
const manifest = {
  name: 'their-plugin',
  type: 'module',
  exports: { './import': './import.js' },
  backplane: { importers: { 'their-server': './import', broken: './import', gone: './gone' } },
};
const importer = `
export default {
  translate({ value, where }) {
    if (!value.listen) throw new Error('it has no listen');
    return {
      config: { server: { port: value.listen }, models: [{ id: value.motto }] },
      comments: [
        { at: ['server', 'port'], text: where(['colour']) + ' colour: a server has none.' },
        { at: ['nowhere'], text: 'Said at the head.' },
      ],
    };
  },
};
`;

describe('backplane import', () => {
  let cwd: string;
  beforeAll(async () => {
    cwd = await folder({
      // biome-ignore lint/suspicious/noTemplateCurlyInString: what means nothing to their server
      'theirs.yaml': 'listen: 9000\ncolour: red\nmotto: $5 for ${YOU}\n',
      'bad.yaml': 'a: [\n',
    });
    await rm(join(cwd, 'node_modules'));
    await mkdir(join(cwd, 'node_modules/their-plugin'), { recursive: true });
    await writeFile(join(cwd, 'node_modules/their-plugin/package.json'), JSON.stringify(manifest));
    await writeFile(join(cwd, 'node_modules/their-plugin/import.js'), importer);
  });
  afterAll(() => rm(cwd, { recursive: true }));

  test('prints what an installed package makes of a file, with its comments where they belong', async () => {
    const { code, stdout, stderr } = await backplane(['import', 'their-server', 'theirs.yaml'], { cwd });
    expect(stderr).toBe('');
    expect(stdout).toBe(
      `# Made of theirs.yaml by backplane import their-server. Check it: backplane check <this file>
# Said at the head.

server:
  # theirs.yaml:2:1 colour: a server has none.
  port: 9000
models:
  - id: $$5 for $\${YOU}
`,
    );
    expect(code).toBe(0);
  });

  test.each([
    [[], /backplane import <what> <file>.*their-server {3}\(their-plugin\)/s],
    [['some-server', 'theirs.yaml'], /Nothing that is installed here imports some-server.*their-server/s],
    [['their-server'], /Name the file: backplane import their-server <file>/],
    [['their-server', 'none.yaml'], /none\.yaml.*there is no such file/],
    [['their-server', 'bad.yaml'], /bad\.yaml:\d+:\d+ .*not valid YAML/],
    [['gone', 'theirs.yaml'], /their-plugin.*gone/],
  ])('says what it lacks: %o', async (args, sentence) => {
    const { code, stdout, stderr } = await backplane(['import', ...args], { cwd });
    expect(stderr).toMatch(sentence);
    expect(stderr).not.toMatch(/^ +at /m);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });

  test('passes on why a file is not what was meant', async () => {
    await writeFile(join(cwd, 'other.yaml'), 'a: 1\n');
    const { stderr } = await backplane(['import', 'their-server', 'other.yaml'], { cwd });
    expect(stderr).toBe('other.yaml cannot be imported: it has no listen\n');
  });
});
