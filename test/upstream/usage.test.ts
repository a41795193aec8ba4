import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chat, stream } from '../chat.ts';
import { type RunningServer, serve } from '../server.ts';

/** Twelve pieces, of which the third stands for two tokens. */
const pieces = Array.from({ length: 12 }, (_, i) => `${i} `);
const tokensUpTo = (piece: number): number => piece + 1 + (piece >= 2 ? 1 : 0);
const promptTokens = 17;

/** Requests that it has got and keeps to itself. */
let unanswered = 0;

interface Asked {
  readonly messages: readonly [{ readonly content: string }];
  readonly stream_options?: { readonly include_usage?: boolean; readonly continuous_usage_stats?: boolean };
}

/** An upstream that says its usage at the end if asked, and in every chunk where it knows how to; a field it does not know it refuses. */
async function upstream(owner: string): Promise<Server> {
  const counts = owner === 'vllm';
  const server = createServer(async (request, response) => {
    if (request.method === 'GET') {
      const list = { object: 'list', data: [{ id: 'm', object: 'model', owned_by: owner }] };
      response.setHeader('content-type', 'application/json').end(JSON.stringify(list));
      return;
    }
    const { messages, stream_options = {} } = await read(request);
    if (messages[0].content === 'never begin') {
      unanswered++;
      return;
    }
    if (stream_options.continuous_usage_stats !== undefined && !counts) {
      response.writeHead(400, { 'content-type': 'application/json' });
      response.end('{"error":{"message":"Unknown parameter: stream_options.continuous_usage_stats"}}');
      return;
    }
    const usage = (completion: number) => ({ prompt_tokens: promptTokens, completion_tokens: completion });
    const chunk = (choices: object[], counted: number, last = false): string =>
      `data: ${JSON.stringify({ choices, ...((last || stream_options.continuous_usage_stats) && { usage: usage(counted) }) })}\n\n`;
    response.setHeader('content-type', 'text/event-stream');
    response.write(chunk([{ index: 0, delta: { role: 'assistant', content: '' } }], 0));
    for (const [index, content] of pieces.entries()) {
      response.write(chunk([{ index: 0, delta: { content } }], tokensUpTo(index)));
      await sleep(2);
    }
    while (messages[0].content === 'never end' && !response.destroyed) await sleep(10);
    response.write(chunk([{ index: 0, delta: {}, finish_reason: 'stop' }], tokensUpTo(11)));
    if (stream_options.include_usage) response.write(chunk([], tokensUpTo(11), true));
    response.end('data: [DONE]\n\n');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

async function read(request: IncomingMessage): Promise<Asked> {
  let body = '';
  for await (const data of request) body += data;
  return JSON.parse(body) as Asked;
}

let upstreams: readonly Server[];
let server: RunningServer;
beforeAll(async () => {
  upstreams = [await upstream('vllm'), await upstream('someone')];
  const [counting, other] = upstreams.map((one) => `http://127.0.0.1:${(one.address() as AddressInfo).port}`);
  server = await serve(`plugins:
  - "@backplane/vllm-proxy"
  - { use: "@backplane/rate-limit", config: { limits: [{ models: [limited], tokens_per_minute: 10 }] } }
models:
  - { id: m, backend: vllm, reasoning: separate, options: { upstreams: [{ url: "${counting}" }] } }
  - { id: other, backend: vllm, reasoning: separate, options: { upstreams: [{ url: "${other}", model: m }] } }
  - { id: relayed, backend: vllm, options: { upstreams: [{ url: "${other}", model: m }] } }
  - { id: there, backend: vllm, options: { upstreams: [{ url: "${other}", model: m }] } }
  - { id: here, backend: vllm, options: { upstreams: [{ url: "${other}", model: m }] } }
  - { id: limited, backend: vllm, options: { upstreams: [{ url: "${other}", model: m }] } }`);
});
afterAll(async () => {
  await server.stop();
  for (const one of upstreams) {
    one.closeAllConnections();
    one.close();
  }
});

async function usageOf(content: string, more: object): Promise<object> {
  const answer = await chat(server.url, content, more);
  return ((await answer.json()) as { readonly usage: object }).usage;
}

test.each(['m', 'other'])('an answer that %s gives to its end has the usage that the upstream says', async (model) => {
  const usage = await usageOf('go', { model });
  expect(usage).toMatchObject({ prompt_tokens: promptTokens, completion_tokens: tokensUpTo(11) });
  expect(usage).not.toHaveProperty('estimated');
});

describe('an answer that a stop string ends', () => {
  test('has the usage of what was made, where the upstream counts as it goes', async () => {
    const usage = await usageOf('go', { model: 'm', stop: ['5'] });
    expect(usage).toMatchObject({ prompt_tokens: promptTokens, completion_tokens: tokensUpTo(5) });
    expect(usage).not.toHaveProperty('estimated');
  });

  test('has a usage that says it is an estimate, where the upstream says nothing before its end', async () => {
    const prompt = 'sixteen letters!';
    const usage = await usageOf(prompt, { model: 'other', stop: ['5'] });
    expect(usage).toMatchObject({ prompt_tokens: 4, completion_tokens: 6, estimated: true });
  });

  test('says so in the last chunk of a stream too', async () => {
    const more = { model: 'other', stop: ['5'], n: 2, stream_options: { include_usage: true } };
    const { events } = await stream(server.url, 'sixteen letters!', more);
    expect(events.at(-1)?.usage).toMatchObject({ prompt_tokens: 4, completion_tokens: 12, estimated: true });
  });
});

test('a call whose client hangs up is settled with the tokens made until then', async () => {
  const leave = (body: string, hangUp: () => void): void => void (body.includes('"11 "') && hangUp());
  await stream(server.url, 'never end', { model: 'm' }, { onData: leave });
  await stream(server.url, 'never end', { model: 'other' }, { onData: leave });
  const settled = (model: string) => server.line((line) => line.model === model && line.status === 499);
  expect(await settled('m')).toMatchObject({ prompt_tokens: promptTokens, completion_tokens: tokensUpTo(11) });
  expect(await settled('m')).not.toHaveProperty('tokens_estimated');
  expect(await settled('other')).toMatchObject({ prompt_tokens: 3, completion_tokens: 12, tokens_estimated: true });
});

test.each([
  false,
  true,
])('a relayed call whose client hangs up before the reply costs its prompt (stream: %s)', async (stream) => {
  const content = 'never begin';
  const model = stream ? 'here' : 'there';
  const leaving = new AbortController();
  const before = unanswered;
  const left = chat(server.url, content, { model, stream }, { signal: leaving.signal }).catch(() => 'left');
  await expect.poll(() => unanswered).toBe(before + 1);
  leaving.abort();
  expect(await left).toBe('left');
  const line = await server.line((line) => line.model === model && line.status === 499);
  const prompt_tokens = Math.ceil((30 + content.length) / 4);
  expect(line).toMatchObject({ prompt_tokens, completion_tokens: 0, tokens_estimated: true });
});

describe('a relayed stream', () => {
  const settled = (status: number, prompt: number) =>
    server.line((line) => line.model === 'relayed' && line.status === status && line.prompt_tokens === prompt);
  /** `[{"role":"user","content":"…"}]` is 30 bytes and the text. */
  const text = (bytes: number): string => 'x'.repeat(bytes - 30);

  test('that says its usage is settled with that', async () => {
    await stream(server.url, text(400), { model: 'relayed', stream_options: { include_usage: true } });
    const line = await settled(200, promptTokens);
    expect(line).toMatchObject({ completion_tokens: tokensUpTo(11) });
    expect(line).not.toHaveProperty('tokens_estimated');
  });

  test('that says none is settled with about a token a piece and one per four bytes of the prompt, and passes unchanged', async () => {
    const { events } = await stream(server.url, text(400), { model: 'relayed' });
    expect(events.some((event) => 'usage' in event)).toBe(false);
    const line = await settled(200, 100);
    expect(line).toMatchObject({ completion_tokens: expect.any(Number), tokens_estimated: true });
    expect(Math.abs(Number(line.completion_tokens) - 13)).toBeLessThan(4);
  });

  test('whose client hangs up is settled with about what came until then', async () => {
    const onData = (body: string, hangUp: () => void): void => void (body.includes('"11 "') && hangUp());
    const content = 'never end';
    await stream(server.url, content, { model: 'relayed' }, { onData });
    const line = await settled(499, Math.ceil((30 + content.length) / 4));
    expect(line).toMatchObject({ completion_tokens: expect.any(Number), tokens_estimated: true });
    expect(Math.abs(Number(line.completion_tokens) - 12)).toBeLessThan(4);
  });

  test('counts against a limit of tokens, whether or not its client wants to see the usage', async () => {
    const ask = () => chat(server.url, 'go', { model: 'limited', stream: true });
    const first = await ask();
    expect(first.status).toBe(200);
    await first.text();
    await expect.poll(async () => (await ask()).status).toBe(429);
  });
});
