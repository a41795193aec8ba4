import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stream } from '../chat.ts';
import { type RunningServer, serve } from '../server.ts';

const event = 'data: {"choices":[{"index":0,"delta":{"content":"late"}}]}\n\n';
const vectors = '{"object":"list","data":[]}';

/** Thinks for a while before it says anything, and again in the middle of a stream. */
let upstream: Server;
let server: RunningServer;
beforeAll(async () => {
  upstream = createServer(async (request, response) => {
    if (request.method === 'GET') {
      response.setHeader('content-type', 'application/json').end('{"object":"list","data":[]}');
      return;
    }
    await sleep(300);
    if (request.url !== '/v1/chat/completions') {
      response.setHeader('content-type', 'application/json').end(vectors);
      return;
    }
    response.setHeader('content-type', 'text/event-stream');
    response.write(event);
    await sleep(300);
    response.end(`${event}data: [DONE]\n\n`);
  });
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  server = await serve(`server: { keep_alive: 100ms }
plugins: ["@backplane/vllm-proxy"]
models:
  - id: m
    backend: vllm
    options: { upstreams: [{ url: "http://127.0.0.1:${(upstream.address() as AddressInfo).port}" }] }`);
});
afterAll(async () => {
  await server.stop();
  upstream.close();
});

test('a silent upstream is covered with comments, before the first event and between two', async () => {
  const answer = await stream(server.url, 'x');
  expect(answer).toMatchObject({ status: 200, text: 'latelate', done: true, whole: true });
  const comments = ': keep-alive\n\n';
  expect(answer.body.startsWith(comments)).toBe(true);
  expect(answer.body).toContain(`${event}${comments}`);
  expect(answer.body.replaceAll(comments, '')).toBe(`${event}${event}data: [DONE]\n\n`);
});

test('what is no stream is not made one, whatever its request says', async () => {
  const response = await fetch(`${server.url}/v1/embeddings`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"model":"m","input":"x","stream":true}',
  });
  expect(response.headers.get('content-type')).toBe('application/json');
  expect(await response.text()).toBe(vectors);
});
