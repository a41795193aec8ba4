import { spawnSync } from 'node:child_process';
import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { createLog, type LogOptions } from '../../src/observe/log.ts';

function capture(options: Partial<LogOptions> = {}, tty = false) {
  let text = '';
  const stream = Object.assign(
    new Writable({
      write(chunk, _encoding, done) {
        text += chunk;
        done();
      },
    }),
    { isTTY: tty },
  );
  const log = createLog({ level: 'info', format: 'auto', stream, ...options });
  return {
    log,
    text: () => text,
    lines: () =>
      text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
  };
}

test('a record is one JSON line with an ISO time, the level as a word, its fields and its message', () => {
  const { log, lines } = capture();
  log.warn({ model: 'qwen3-14b', total_ms: 12.5 }, 'slow');
  const [line] = lines();
  expect(new Date(line.time).toISOString()).toBe(line.time);
  delete line.time;
  expect(line).toEqual({ level: 'warn', model: 'qwen3-14b', total_ms: 12.5, msg: 'slow' });
});

test.each([
  ['debug', ['debug', 'info', 'warn', 'error']],
  ['info', ['info', 'warn', 'error']],
  ['warn', ['warn', 'error']],
  ['error', ['error']],
] as const)('level %s writes %s', (level, written) => {
  const { log, lines } = capture({ level });
  for (const each of ['debug', 'info', 'warn', 'error'] as const) log[each]({}, each);
  expect(lines().map((line) => line.msg)).toEqual(written);
});

test('level silent writes nothing', () => {
  const { log, text } = capture({ level: 'silent' });
  log.error({}, 'unheard');
  expect(text()).toBe('');
});

test('a child carries its fields on every line', () => {
  const { log, lines } = capture();
  log.child({ plugin: 'auth' }).child({ model: 'm' }).info({ n: 1 }, 'hello');
  expect(lines()[0]).toMatchObject({ plugin: 'auth', model: 'm', n: 1, msg: 'hello' });
});

test('auto is JSON where nobody looks and pretty on a terminal', () => {
  const file = capture();
  file.log.info({ model: 'm' }, 'ready');
  expect(file.lines()).toHaveLength(1);

  const terminal = capture({}, true);
  terminal.log.info({ model: 'm' }, 'ready');
  expect(terminal.text()).toContain('ready');
  expect(() => terminal.lines()).toThrow(SyntaxError);
});

test('format json stays JSON on a terminal, format pretty is pretty in a file and without colours there', () => {
  const json = capture({ format: 'json' }, true);
  json.log.info({}, 'ready');
  expect(json.lines()).toHaveLength(1);

  const pretty = capture({ format: 'pretty' });
  pretty.log.info({ model: 'm' }, 'ready');
  expect(pretty.text()).toMatch(/^\[\d\d:\d\d:\d\d\.\d{3}\] INFO: ready\n {4}model: "m"\n$/);
});

test('an error is written with its message and stack, but not with its cause or its own fields', () => {
  const { log, lines, text } = capture();
  const cause = new Error('canary-in-the-cause');
  log.error({ err: Object.assign(new TypeError('it broke', { cause }), { rawPacket: 'canary-in-the-packet' }) }, 'bad');
  const { err } = lines()[0];
  expect(err).toEqual({ type: 'TypeError', message: 'it broke', stack: expect.stringContaining('log.test.ts') });
  expect(text()).not.toContain('canary');
});

test('something thrown that is no error is written as its text', () => {
  const { log, lines } = capture();
  log.error({ err: 'just a string' }, 'bad');
  expect(lines()[0].err).toEqual({ message: 'just a string' });
});

test.each([
  { authorization: 'canary' },
  { 'x-api-key': 'canary' },
  { key: 'canary' },
  { keys: ['canary'] },
  { api_key: 'canary' },
  { token: 'canary' },
  { headers: { authorization: 'canary' } },
  { headers: { 'X-API-Key': 'canary' } },
  { request: { headers: { authorization: 'canary' } } },
  { config: { key: 'canary' } },
  { config: { schemes: [{ header: 'X-API-Key', keys: [{ name: 'ops', key: 'canary' }] }] } },
])('a field that names a secret is blanked: %j', (fields) => {
  const { log, text } = capture();
  log.info(fields, 'oops');
  log.child(fields).info({}, 'oops');
  expect(text().match(/\[redacted\]/g)).toHaveLength(2);
  expect(text()).not.toContain('canary');
});

test('blanking leaves the logged object itself and the fields beside the secret alone', () => {
  const { log, lines } = capture();
  const headers = { authorization: 'Bearer abc', accept: 'text/plain' };
  log.info({ headers, prompt_tokens: 3 }, 'request');
  expect(lines()[0]).toMatchObject({
    headers: { authorization: '[redacted]', accept: 'text/plain' },
    prompt_tokens: 3,
  });
  expect(headers.authorization).toBe('Bearer abc');
});

test('a cyclic object does not hang the log', () => {
  const { log, lines } = capture();
  const cyclic: Record<string, unknown> = { name: 'loop' };
  cyclic.self = cyclic;
  log.info({ cyclic }, 'round');
  expect(lines()[0].msg).toBe('round');
});

test('a line that was made by its caller is like the others, and its level is obeyed', () => {
  const { log, lines } = capture();
  log.record('debug', () => '"n":1,"msg":"unheard"');
  log.record('info', () => '"n":2,"msg":"GET /"');
  const [line, ...rest] = lines();
  expect(new Date(line.time).toISOString()).toBe(line.time);
  delete line.time;
  expect(line).toEqual({ level: 'info', n: 2, msg: 'GET /' });
  expect(rest).toEqual([]);
});

test.each([
  ['when nothing follows', ''],
  ['when the process exits', 'process.exit(1);'],
  ['when it crashes', 'throw new Error("boom");'],
])('calls are on stdout in the order of all lines %s', (_, end) => {
  const source = `import { createLog } from ${JSON.stringify(new URL('../../src/observe/log.ts', import.meta.url).href)};
    const log = createLog({ level: 'info', format: 'auto' });
    log.info({}, '1');
    log.record('info', () => '"msg":"2"');
    log.warn({}, '3');
    log.record('info', () => '"msg":"4"');
    log.record('info', () => '"msg":"5"');
    ${end}`;
  const args = ['--conditions=@backplane/source', '--input-type=module', '-e', source];
  const { stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  const said = stdout.trimEnd().split('\n');
  expect(said.map((line) => JSON.parse(line).msg)).toEqual(['1', '2', '3', '4', '5']);
});
