import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { chat, stream } from '../chat.ts';
import { type RunningServer, serve } from '../server.ts';

const isolations = ['inline', 'thread', 'process'] as const;

/** Somebody's plugin with somebody's faults, each behind a word. */
const moody = `
import { existsSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { definePlugin, Failure } from '@backplane/core/sdk';
import { z } from 'zod';

export default definePlugin({
  name: 'moody',
  apiVersion: 1,
  config: z.strictObject({}),
  setup(context) {
    context.backend('moody', {
      options: z.strictObject({}),
      create: ({ directory }) => ({
        load: async () => ({}),
        unload: async () => {},
        async *chat({ messages }) {
          const word = messages.at(-1)?.content;
          if (word === 'limit') throw new Failure('rate_limited', 'The engine asks for a pause', { retryAfterMs: 3000 });
          if (word === 'refuse') throw new Failure('invalid_request', 'Say something nicer', { param: 'messages' });
          if (word === 'break') throw new Error('the third gear is stuck');
          yield { type: 'text', text: 'so far ' };
          if (word === 'die') process.kill(process.pid, 'SIGKILL');
          if (word === 'die') await new Promise(() => {});
          while (word === 'hold' && !existsSync(directory + '/go')) await pause(10);
          yield { type: 'text', text: 'so good' };
          yield { type: 'finish', reason: 'stop' };
        },
      }),
    });
  },
});
`;

let server: RunningServer;
beforeAll(async () => {
  const models = isolations.map((isolation) => `  - { id: ${isolation}, backend: moody, isolation: ${isolation} }`);
  const pair = '  - { id: pair, backend: moody, isolation: process, instances: 2, restart: { backoff: 2s } }';
  server = await serve(`plugins: [./moody.ts]\nmodels:\n${models.join('\n')}\n${pair}\n`, {
    files: { 'moody.ts': moody },
  });
});
afterAll(() => server.stop());

for (const model of isolations) {
  test(`a Failure that a plugin throws in isolation ${model} has its status, code and sentence on the wire`, async () => {
    const refused = await chat(server.url, 'refuse', { model });
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({
      error: {
        message: 'Say something nicer',
        type: 'invalid_request_error',
        param: 'messages',
        code: 'invalid_request',
      },
    });
    const limited = await chat(server.url, 'limit', { model });
    expect(limited.status).toBe(429);
    expect(limited.headers.get('retry-after')).toBe('3');
  });

  test(`an Error that a plugin throws in isolation ${model} is a 502 with its sentence`, async () => {
    const broken = await chat(server.url, 'break', { model });
    expect(broken.status).toBe(502);
    const { error } = (await broken.json()) as { error: { message: string; code: string } };
    expect(error.code).toBe('backend_failed');
    expect(error.message).toContain('the third gear is stuck');
  });
}

interface Instance {
  readonly instance: number;
  readonly state: string;
  readonly reason?: string;
  readonly busy: number;
}
interface Health {
  readonly models: { readonly pair: { readonly instances: readonly Instance[] } };
}

test('a plugin that kills its own process cuts its own stream visibly, and the instance comes back', async () => {
  const health = async () => ((await (await fetch(`${server.url}/health`)).json()) as Health).models.pair.instances;
  const begun = Promise.withResolvers<void>();
  const held = stream(
    server.url,
    'hold',
    { model: 'pair' },
    { onData: (body) => body.includes('so far') && begun.resolve() },
  );
  await begun.promise;

  const died = await stream(server.url, 'die', { model: 'pair' });
  expect(died.status).toBe(200);
  expect(died.text).toBe('so far ');
  expect(died.error).toMatchObject({ code: 'backend_failed', message: expect.stringContaining('SIGKILL') });
  expect(died.done).toBe(false);

  await server.line(({ model, state }) => model === 'pair' && state === 'failed');
  const [holding, dead] = (await health()).toSorted((a, b) => b.busy - a.busy);
  expect(holding).toMatchObject({ state: 'ready', busy: 1 });
  expect(dead).toMatchObject({ state: 'failed', reason: expect.stringContaining('killed by SIGKILL') });

  await writeFile(join(server.directory, 'go'), '');
  expect(await held).toMatchObject({ text: 'so far so good', done: true, error: undefined });
  const { instance } = dead as Instance;
  const ready = () =>
    server.lines.filter((line) => line.instance === instance && line.state === 'ready' && line.model === 'pair');
  await server.line(() => ready().length === 2);
  expect((await health()).map(({ state }) => state)).toEqual(['ready', 'ready']);
});
