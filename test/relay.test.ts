import { afterAll, beforeAll, expect, test } from 'vitest';
import { stream } from './chat.ts';
import { type RunningServer, serve, tinyModel } from './server.ts';

let upstream: RunningServer;
let proxy: RunningServer;
beforeAll(async () => {
  upstream = await serve(`plugins: ["@backplane/llamacpp"]
models:
  - { id: there, backend: llamacpp, defaults: { temperature: 0 }, reasoning: raw, options: { path: ${tinyModel}, embeddings: true } }`);
  proxy = await serve(`log: { level: debug }
plugins: ["@backplane/vllm-proxy", "@backplane/metrics"]
models:
  - { id: there, backend: vllm, options: { upstreams: [{ url: ${upstream.url} }] } }
  - { id: here, backend: vllm, options: { upstreams: [{ url: ${upstream.url}/v1, model: there }] } }
  - { id: split, backend: vllm, reasoning: separate, options: { upstreams: [{ url: ${upstream.url}, model: there }] } }`);
});
afterAll(async () => {
  await proxy.stop();
  await upstream.stop();
});

const ask = (url: string, body: object, path = '/v1/chat/completions') =>
  fetch(url + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
const messages = [{ role: 'user', content: 'What is Backplane?' }];
/** What differs from one answer to the next. */
const timeless = (text: string) =>
  text
    .replace(/"(?:chatcmpl|cmpl)-\w+"/g, '"ID"')
    .replace(/"created":\d+/g, '"created":0')
    .replace(/"cached_tokens":\d+/g, '');

test('a reply passes byte by byte, plain and streamed', async () => {
  const request = { model: 'there', messages };
  const direct = timeless(await (await ask(upstream.url, request)).text());
  expect(timeless(await (await ask(proxy.url, request)).text())).toBe(direct);
  const streamed = { ...request, stream: true, stream_options: { include_usage: true } };
  const there = timeless(await (await ask(upstream.url, streamed)).text());
  expect(timeless(await (await ask(proxy.url, streamed)).text())).toBe(there);
});

test.each([false, true])('a reply names the request that it answers (stream: %s)', async (stream) => {
  const request = { model: 'there', messages, stream };
  const headers = { 'content-type': 'application/json', 'x-request-id': 'abc-3' };
  const url = `${proxy.url}/v1/chat/completions`;
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(request) });
  expect(answer.headers.get('x-request-id')).toBe('abc-3');
  expect(await answer.text()).toMatch(stream ? /data: \[DONE\]/ : /^{.*}$/s);
});

test('a model with another name there carries its own name here, and nothing else changes', async () => {
  const direct = timeless(await (await ask(upstream.url, { model: 'there', messages, stream: true })).text());
  const renamed = timeless(await (await ask(proxy.url, { model: 'here', messages, stream: true })).text());
  expect(renamed).toBe(direct.replaceAll('"model":"there"', '"model":"here"'));
});

test('reasoning that the model writes into its text is told apart when the operator wants it so', async () => {
  const answer = await stream(proxy.url, 'What is Backplane?', {
    model: 'split',
    stream_options: { include_usage: true },
  });
  const deltas = answer.events.flatMap(({ choices }) => choices?.map(({ delta }) => delta) ?? []);
  expect(deltas.map(({ reasoning_content }) => reasoning_content ?? '').join('')).toMatch(/^The user/);
  expect(answer.text).toMatch(/^Backplane is a plugin-based/);
  expect(answer).toMatchObject({ done: true, whole: true });
  expect(answer.events.at(-1)?.usage?.completion_tokens).toBeGreaterThan(10);
});

test('embeddings and token counts come through', async () => {
  const answer = await ask(proxy.url, { model: 'here', input: 'hello' }, '/v1/embeddings');
  expect(await answer.json()).toMatchObject({ model: 'here', data: [{ object: 'embedding' }] });
  const line = await proxy.line(({ model, stream, status }) => model === 'here' && stream === true && status === 200);
  expect(line.lane).toBe('relay');
});

test('an error of the upstream about the request keeps its meaning', async () => {
  const answer = await ask(proxy.url, { model: 'here', messages, temperature: 9 });
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({ error: { param: 'temperature', code: 'invalid_request' } });
});
