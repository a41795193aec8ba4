import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { failures } from '../core/src/sdk/index.ts';
import { describeWithPython, execute, python } from './clients/python.ts';
import { backplane, folder, type RunningServer, serve } from './server.ts';

const root = new URL('..', import.meta.url).pathname;
const readme = await readFile(join(root, 'README.md'), 'utf8');

/** The code blocks of one language, as they stand on the page. */
function blocks(page: string, language: string): string[] {
  return [...page.matchAll(/^```(\w+)\n(.*?)^```$/gms)]
    .filter((match) => match[1] === language)
    .map((match) => match[2] as string);
}

describe('what the README shows', () => {
  let server: RunningServer;
  let directory: string;
  beforeAll(async () => {
    const config = await readFile(join(root, 'config.yaml'), 'utf8');
    server = await serve(config.replace('port: 8787', 'port: 0').replace('./models/', join(root, 'models/')));
    directory = await folder({});
  });
  afterAll(() => server.stop());

  const run = async (file: string, args: readonly string[]) => (await execute(file, args, directory)).stdout;
  const here = (block: string) => block.replaceAll('http://127.0.0.1:8787', server.url);
  const answer = /Backplane is a plugin-based microkernel runtime/;

  test('the curl line streams a sensible answer', async () => {
    const [curl = ''] = blocks(readme, 'bash');
    const out = await run('bash', ['-c', here(curl)]);
    const text = [...out.matchAll(/^data: (\{.*)$/gm)].map(
      (match) => JSON.parse(match[1] as string).choices[0].delta.content ?? '',
    );
    expect(text.join('')).toMatch(answer);
    expect(out).toMatch(/data: \[DONE\]\n\n$/);
  });

  test('the JavaScript program prints it', async () => {
    const [program = ''] = blocks(readme, 'javascript');
    await writeFile(join(directory, 'readme.mjs'), here(program));
    expect(await run(process.execPath, ['readme.mjs'])).toMatch(answer);
  });

  describeWithPython('with Python', () => {
    test('the program prints it', async () => {
      const [program = ''] = blocks(readme, 'python');
      await writeFile(join(directory, 'readme.py'), here(program));
      expect(await run(python, ['readme.py'])).toMatch(answer);
    });
  });

  test('config.yaml in one screen is a good config', async () => {
    const [config = ''] = blocks(readme, 'yaml');
    const backend =
      "export default { name: 'mine', apiVersion: 1, config: (await import('zod')).z.object({}), setup() {} };";
    const folderOf = await folder({ 'config.yaml': config, 'my-backend.ts': backend });
    const env = { API_KEY: 'key-of-the-operator', LAB_KEY: 'key-of-the-lab' };
    expect(await backplane(['check', 'config.yaml'], { cwd: folderOf, env })).toMatchObject({ code: 0, stderr: '' });
  });

  test('every page it names is there', async () => {
    for (const [, page] of readme.matchAll(/\]\(([^)]+)\)/g)) await readFile(join(root, page as string));
  });
});

test("the repository's own config.yaml is what npm start serves, and it is good", async () => {
  const { scripts } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { scripts: { start: string } };
  expect(scripts.start).toBe('exec node --conditions=@backplane/source core/src/cli.ts serve config.yaml');
  expect(await backplane(['check', 'config.yaml'], { cwd: root })).toMatchObject({ code: 0, stderr: '' });
});

test('the page on the API has the failure table as it is', async () => {
  const page = await readFile(join(root, 'docs/api.md'), 'utf8');
  const rows = [...page.matchAll(/^\| `(\w+)` \| (\d{3}) \| `(\w+)` \|$/gm)].map(([, code, status, type]) => [
    code,
    [Number(status), type],
  ]);
  expect(Object.fromEntries(rows)).toEqual(failures);
});
