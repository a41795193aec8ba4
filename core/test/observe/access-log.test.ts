import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { accessLog } from '../../src/observe/access-log.ts';
import { createLog, type LogLevel } from '../../src/observe/log.ts';
import type { InstanceState, Settled, Signal } from '../../src/sdk/index.ts';

/** The lines that `signals` leave in the log, without their times. */
function written(signals: readonly Signal[], level: LogLevel = 'debug'): Record<string, unknown>[] {
  const stream = new PassThrough();
  const log = createLog({ level, format: 'json', stream });
  const observer = accessLog(log, log);
  for (const signal of signals) observer(signal);
  const text = String(stream.read() ?? '');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const { time: _, ...rest } = JSON.parse(line);
      return rest;
    });
}

const streamed: Settled = {
  type: 'settled',
  call: 'req-1',
  operation: 'chat',
  method: 'POST',
  route: '/v1/chat/completions',
  status: 200,
  outcome: 'ok',
  stream: true,
  totalMs: 1100.04,
  principal: 'ops',
  model: 'qwen3-14b',
  backend: 'llamacpp',
  instance: 1,
  queueMs: 2.25,
  ttftMs: 100,
  usage: { promptTokens: 20, completionTokens: 101, cachedTokens: 16 },
  finishReason: 'stop',
};

const settled = (changes: Partial<Settled>): Settled => ({ ...streamed, ...changes });

test('a call is one line with all that an operator asks about it', () => {
  expect(written([{ type: 'received', call: 'req-1', operation: 'chat' }, streamed])).toEqual([
    {
      level: 'info',
      request: 'req-1',
      method: 'POST',
      route: '/v1/chat/completions',
      status: 200,
      outcome: 'ok',
      model: 'qwen3-14b',
      backend: 'llamacpp',
      instance: 1,
      principal: 'ops',
      stream: true,
      queue_ms: 2.3,
      ttft_ms: 100,
      total_ms: 1100,
      prompt_tokens: 20,
      completion_tokens: 101,
      cached_tokens: 16,
      tokens_per_second: 100,
      finish_reason: 'stop',
      msg: 'POST /v1/chat/completions 200',
    },
  ]);
});

test('a call that reached no model has no fields for what it did not reach, and says why it failed', () => {
  const refused: Settled = {
    type: 'settled',
    call: 'req-2',
    operation: 'chat',
    method: 'POST',
    route: '/v1/chat/completions',
    status: 401,
    outcome: 'client_error',
    stream: false,
    totalMs: 0.4,
    code: 'invalid_api_key',
    reason: 'Invalid API key',
  };
  expect(written([refused])).toEqual([
    {
      level: 'info',
      request: 'req-2',
      method: 'POST',
      route: '/v1/chat/completions',
      status: 401,
      outcome: 'client_error',
      stream: false,
      total_ms: 0.4,
      code: 'invalid_api_key',
      reason: 'Invalid API key',
      msg: 'POST /v1/chat/completions 401',
    },
  ]);
});

test.each([
  [200, 'info'],
  [404, 'info'],
  [499, 'info'],
  [500, 'warn'],
  [503, 'warn'],
])('status %i is written at level %s', (status, level) => {
  expect(written([settled({ status })])[0]?.level).toBe(level);
});

test.each([
  ['/health', 200, 'debug'],
  ['/ready', 503, 'debug'],
  ['/metrics', 200, 'debug'],
  ['/metrics', 500, 'warn'],
  ['/health', 401, 'info'],
  ['/v1/models', 200, 'info'],
])('GET %s answered %i is written at level %s', (route, status, level) => {
  expect(written([settled({ method: 'GET', route, status })])[0]?.level).toBe(level);
});

test('a reason that quotes an endless model name is cut, and a good call has none', () => {
  const reason = `The model ${'x'.repeat(10_000)} does not exist`;
  const [failed, good] = written([
    settled({ status: 404, outcome: 'client_error', reason }),
    settled({ outcome: 'ok', reason }),
  ]);
  expect(failed?.reason).toBe(reason.slice(0, 500));
  expect(good).not.toHaveProperty('reason');
});

test.each([
  ['one token', { usage: { promptTokens: 1, completionTokens: 1 } }],
  ['no usage', { usage: undefined }],
  ['all output at once', { ttftMs: 1100.04 }],
])('a call with %s has no speed', (_, changes) => {
  expect(written([settled(changes as Partial<Settled>)])[0]).not.toHaveProperty('tokens_per_second');
});

test.each([
  ['loading', 'info'],
  ['ready', 'info'],
  ['degraded', 'warn'],
  ['failed', 'error'],
  ['unloading', 'info'],
  ['unloaded', 'info'],
  ['stopped', 'info'],
] as [InstanceState, string][])('an instance that becomes %s is written at level %s', (to, level) => {
  const [line] = written([
    {
      type: 'instance_state',
      model: 'm',
      backend: 'b',
      instance: 2,
      from: 'loading',
      to,
      reason: 'because',
      loadMs: 41.26,
    },
  ]);
  expect(line).toEqual({
    level,
    model: 'm',
    backend: 'b',
    instance: 2,
    from: 'loading',
    state: to,
    reason: 'because',
    load_ms: 41.3,
    msg: `m instance 2 is ${to}`,
  });
});
