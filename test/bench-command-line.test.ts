import { execFile } from 'node:child_process';
import { chmod, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { answering, bench, key, servePuppet } from './bench.ts';
import { OldDocument } from './clients/document.ts';
import { execute } from './clients/python.ts';
import { folder, type RunningServer } from './server.ts';

let server: RunningServer;
beforeAll(async () => {
  server = await servePuppet();
});
afterAll(() => server.stop());

describe('the key', () => {
  test.each([
    ['from API_KEY', [], { API_KEY: key }],
    ['from the command line', ['--api-key', key], {}],
    ['alone in a header of its own', ['--api-header', 'X-API-Key'], { API_KEY: key }],
    ['after a prefix', ['--api-header', 'X-API-Key', '--api-prefix', 'ApiKey'], { API_KEY: key }],
  ])('is sent %s, and not shown', async (_name, args, env) => {
    const { code, stdout, stderr } = await bench(
      server.url,
      ['-n', '1', '--prompt', 'say a', ...args],
      env as { API_KEY: string },
    );
    expect(code, stderr).toBe(0);
    expect(stdout + stderr).not.toContain(key);
  });

  test('that is wrong is said so', async () => {
    const lookup = await bench(server.url, [], { API_KEY: 'another' });
    expect(lookup).toMatchObject({ code: 1, stdout: '', stderr: 'The server answered 401: Invalid API key\n' });
    const chats = await bench(server.url, ['-n', '3', '--model', 'm'], { API_KEY: 'another' });
    expect(chats.code).toBe(1);
    expect(chats.stdout).toContain('3 × The server answered 401: Invalid API key');
  });

  test('is not shown when the server repeats it, nor is what would write on the terminal', async () => {
    const url = await answering((request, response) => {
      const message = `\u001b[2JWho is ${request.headers.authorization}?`;
      response.writeHead(401).end(JSON.stringify({ error: { message } }));
    });
    const { stdout } = await bench(url, ['-n', '1']);
    expect(stdout).toContain('1 × The server answered 401: [2JWho is Bearer ***?');
    expect(stdout).not.toContain('\u001b');
  });

  test('that no header can carry is refused without showing it', async () => {
    const { code, stdout, stderr } = await bench(server.url, [], { API_KEY: 'schlüssel-5f1c' });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^The key or its prefix has characters that no HTTP header carries\.\n/);
    expect(stderr).not.toContain('5f1c');
  });

  test.skipIf(process.platform !== 'linux')('is not in the process list while it asks (Linux)', async () => {
    let listed = '';
    const url = await answering(async (_request, response) => {
      listed = (await promisify(execFile)('ps', ['-eo', 'args'])).stdout;
      response.end('{"choices":[{}]}');
    });
    await bench(url, ['-n', '1', '--no-stream', '--api-key', 'sk-in-the-open']);
    expect(listed).toMatch(/^backplane bench/m);
    expect(listed).not.toContain('sk-in-the-open');
  });
});

describe('the command line of bench', () => {
  test.each([
    ['-c', '0', '--concurrent must be a whole number from 1 to 1000000.'],
    ['-n', 'ten', '--cases must be a whole number from 1 to 1000000.'],
    ['-t', '0', '--timeout must be a number of seconds above 0, 2000000 at most.'],
    ['-u', 'localhost:8899', '--url is no http:// or https:// address, e.g. http://127.0.0.1:8899.'],
    ['-u', `http://ops:${key}@localhost`, '--url may have no user, password, ? or #'],
    ['--silent', key, 'bench takes options only, and there is a word without one.'],
    ['--api-header', 'a b', '--api-header is no name of an HTTP header.'],
    ['--cass', '3', "Unknown option '--cass'"],
  ])('%s %s: exit code 2, with a sentence and the usage', async (name, value, sentence) => {
    const { code, stdout, stderr } = await bench(server.url, [name, value]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr.startsWith(sentence), stderr).toBe(true);
    expect(stderr).toContain('Usage: backplane bench');
    expect(stderr).not.toContain(key);
  });

  test('--help and the page docs/bench.md have the same options', async () => {
    const { code, stdout } = await bench(server.url, ['--help']);
    expect(code).toBe(0);
    const page = await readFile(new URL('../docs/bench.md', import.meta.url), 'utf8');
    const listed = [...page.matchAll(/^\| `(--[\w-]+)`(?:, `(-\w)`)?/gm)].map(([, long, short]) => [long, short]);
    const helped = [...stdout.matchAll(/^ {2}(?:(-\w), | {4})(--[\w-]+)/gm)].map(([, short, long]) => [long, short]);
    expect(listed).toEqual(helped);
  });
});

describe("the old tester's command lines of the SE7 box, with the program's name replaced", () => {
  const document = new OldDocument('E-sophon-se7.md');
  // The second has comments behind its backslashes, which no shell takes, and another port.
  const [plain, custom] = document
    .find('bash', 'test_api.py')
    .code.replaceAll(/\\ +#.*$/gm, '\\')
    .replaceAll('python test_api.py', 'backplane bench')
    .split(/\n(?=# .*API Key .*模)/) as [string, string];
  let directory: string;
  beforeAll(async () => {
    directory = await folder({});
    const cli = new URL('../core/src/cli.ts', import.meta.url).pathname;
    await writeFile(
      join(directory, 'backplane'),
      `#!/bin/sh\nexec '${process.execPath}' --conditions=@backplane/source '${cli}' "$@"\n`,
    );
    await chmod(join(directory, 'backplane'), 0o755);
  });
  afterAll(() => rm(directory, { recursive: true }));
  const run = (code: string, env: Record<string, string>) =>
    execute('bash', ['-c', code], directory, { PATH: `${directory}:${process.env.PATH}`, API_KEY: '', ...env });
  const port = () => new URL(server.url).port;

  test('5 at a time, 5 cases', async () => {
    expect(plain).toContain('-c 5 -n 5');
    const { code, stdout, stderr } = await run(plain.replace('8899', port()), { API_KEY: key });
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/^requests +5\nok +5$/m);
  });

  test('silent, with a key, a header and a prefix: the result is in concurrent_test.log', async () => {
    expect(custom).toContain('--api-prefix "ApiKey"');
    const ended = await run(custom.replace('9000', port()).replace('sk_your_custom_key_123', key), {});
    expect(ended).toEqual({ code: 0, stdout: '', stderr: '' });
    const log = await readFile(join(directory, 'concurrent_test.log'), 'utf8');
    expect(log).toMatch(/^\S+Z 15 requests for m at http:\/\/localhost:\d+\/v1, 8 at a time, 60 s each\.\n/);
    expect(log).toMatch(/^ok +15$/m);
    expect(log).not.toContain(key);
  });
});
