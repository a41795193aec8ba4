import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { load } from './setup.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'backplane-auth-'));
});
afterAll(() => rm(directory, { recursive: true }));

const file = (name: string, text: string) => writeFile(join(directory, name), text);
const canary = 'canary-5f1d2c';

/** What an operator would read: the error and the log, which must not hold the key. */
async function refusal(config: unknown): Promise<string> {
  const error = await load(config, directory).then(
    () => expect.unreachable('the plugin took this config'),
    (thrown: unknown) => thrown as Error,
  );
  expect(`${error.stack} ${JSON.stringify(error)} ${String(error.cause)}`).not.toContain(canary);
  return error.message;
}

test('a key file is relative to config.yaml, and the line break at its end is no part of the key', async () => {
  await file('ops.key', '  from-the-file\r\n');
  const { ask } = await load(
    { schemes: [{ keys: [{ name: 'ops', key_file: './ops.key', models: ['m'] }] }] },
    directory,
  );
  expect(ask({ authorization: 'Bearer from-the-file' })).toEqual({ name: 'ops', models: ['m'] });
});

test('a keys file has one "name: key" per line, with comments and empty lines', async () => {
  await file('keys.txt', '\uFEFF# who may call\r\nops: ops-secret\r\n\n  edge :  edge:secret#1  \n# old: old-secret\n');
  const { ask } = await load(
    { schemes: [{ header: 'X-API-Key', keys_file: 'keys.txt', keys: [{ name: 'inline', key: 'inline-secret' }] }] },
    directory,
  );
  expect(ask({ 'x-api-key': 'ops-secret' })).toEqual({ name: 'ops' });
  expect(ask({ 'x-api-key': 'edge:secret#1' })).toEqual({ name: 'edge' });
  expect(ask({ 'x-api-key': 'inline-secret' })).toEqual({ name: 'inline' });
  expect(() => ask({ 'x-api-key': 'old-secret' })).toThrow('Invalid API key');
});

test.each([
  ['no schemes at all', {}, /has no key.*enabled: false/],
  ['a scheme without keys', { schemes: [{ header: 'X-API-Key' }] }, /has no key/],
  ['a keys file of comments only', { schemes: [{ keys_file: 'comments.txt' }] }, /has no key/],
  ['an empty key', { schemes: [{ keys: [{ name: 'ops', key: ' ' }] }] }, /Key \\?"ops\\?" is empty/],
  ['an empty key file', { schemes: [{ keys: [{ name: 'ops', key_file: 'empty.key' }] }] }, /Key "ops".*is empty/],
  ['an empty key in a keys file', { schemes: [{ keys_file: 'empty-value.txt' }] }, /Key "ops".*is empty/],
  [
    'a missing key file',
    { schemes: [{ keys: [{ name: 'ops', key_file: 'gone.key' }] }] },
    /gone\.key.*"ops".*no such file/,
  ],
  ['a folder as key file', { schemes: [{ keys: [{ name: 'ops', key_file: '.' }] }] }, /Cannot read .*"ops".*EISDIR/],
  ['a key file of two lines', { schemes: [{ keys: [{ name: 'ops', key_file: 'two.key' }] }] }, /Key "ops".*line break/],
  ['a key of two lines', { schemes: [{ keys: [{ name: 'ops', key: `${canary}\nb` }] }] }, /line break/],
  ['a keys file with a bare key', { schemes: [{ keys_file: 'bare.txt' }] }, /bare\.txt:2 is not of the form/],
  ['key and key_file together', { schemes: [{ keys: [{ name: 'ops', key: canary, key_file: 'x' }] }] }, /exactly one/],
  ['neither key nor key_file', { schemes: [{ keys: [{ name: 'ops' }] }] }, /exactly one/],
  [
    'two keys of one name',
    {
      schemes: [
        {
          keys: [
            { name: 'ops', key: `${canary}1` },
            { name: 'ops', key: `${canary}2` },
          ],
        },
      ],
    },
    /Two keys .* named \\?"ops\\?"/,
  ],
  [
    'one name in config.yaml and in the keys file',
    { schemes: [{ keys: [{ name: 'ops', key: `${canary}1` }], keys_file: 'ops.txt' }] },
    /Two keys .* named "ops"/,
  ],
  [
    'one key under two names',
    {
      schemes: [
        {
          keys: [
            { name: 'a', key: canary },
            { name: 'b', key: canary },
          ],
        },
      ],
    },
    /"a" and "b".*are the same/,
  ],
  [
    'two schemes of one header and prefix',
    { schemes: [{ keys: [{ name: 'a', key: canary }] }, { header: 'authorization', prefix: 'bearer' }] },
    /Two schemes read header authorization/,
  ],
  ['a header name with a colon', { schemes: [{ header: 'X-API-Key:' }] }, /header name/],
  ['a prefix of two words', { schemes: [{ prefix: 'Api Key' }] }, /one word/],
  ['an unknown setting', { schemes: [{ keys: [{ name: 'a', key: canary, model: 'm' }] }] }, /model/],
])('%s is refused with a sentence and without the key', async (_, config, sentence) => {
  await file('comments.txt', '# nobody yet\n');
  await file('empty.key', '\n');
  await file('empty-value.txt', `ops:\nother: ${canary}\n`);
  await file('two.key', `${canary}\nsecond\n`);
  await file('bare.txt', `ops: good-secret\n${canary}\n`);
  await file('ops.txt', `ops: ${canary}3\n`);
  expect(await refusal(config)).toMatch(sentence);
});

test('the same principal may come through two headers', async () => {
  const ops = { name: 'ops', key: 'ops-secret' };
  const { ask } = await load({ schemes: [{ keys: [ops] }, { header: 'X-API-Key', keys: [ops] }] });
  expect(ask({ authorization: 'Bearer ops-secret' })).toEqual(ask({ 'x-api-key': 'ops-secret' }));
});

test('a key under 8 characters works, and the log names its owner but not the key', async () => {
  const { ask, log } = await load({ schemes: [{ keys: [{ name: 'edge', key: 'abc@123' }] }] });
  expect(ask({ authorization: 'Bearer abc@123' })?.name).toBe('edge');
  expect(log).toHaveLength(1);
  expect(JSON.parse(log[0] ?? '')).toMatchObject({ level: 'warn', principal: 'edge', header: 'Authorization' });
  expect(log[0]).not.toContain('abc@123');
});

test('neither a good boot nor a refused call shows a key anywhere', async () => {
  const { ask, log, schemes } = await load({ schemes: [{ keys: [{ name: 'ops', key: canary }] }] });
  expect(log.join()).not.toContain(canary);
  expect(JSON.stringify(schemes)).not.toContain(canary);
  try {
    ask({ authorization: `Bearer wrong-${canary}` });
    expect.unreachable('a wrong key was let in');
  } catch (thrown) {
    expect((thrown as Error).message).toBe('Invalid API key');
    expect((thrown as Error).stack).not.toContain(canary);
    expect((thrown as Error).cause).toBeUndefined();
  }
});
