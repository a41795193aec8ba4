import { once } from 'node:events';
import { createServer, type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningServer, serve } from '../server.ts';

/** A speech server that waits for the whole form and answers with what it was asked for. */
const arrivals: Upload[] = [];
interface Upload {
  /** Resolves when the first bytes of the file are there. */
  readonly begun: Promise<unknown>;
  readonly form: Promise<FormData>;
}

async function formOf(message: IncomingMessage): Promise<FormData> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  const headers = { 'content-type': message.headers['content-type'] ?? '' };
  return new Response(Buffer.concat(chunks), { headers }).formData();
}

const speech = createServer((message, response) => {
  if (message.method !== 'POST') {
    response.end('{}');
    return;
  }
  let seen = '';
  const begun = new Promise<void>((resolve) => {
    message.on('data', (chunk: Buffer) => {
      seen += chunk.toString('latin1');
      if (seen.includes('RIFF')) resolve();
    });
  });
  const form = formOf(message);
  arrivals.push({ begun, form });
  form.then(
    (fields) => {
      const text = `${fields.get('model')} heard ${(fields.get('file') as File | null)?.size} bytes`;
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ text }));
    },
    () => response.destroy(),
  );
});

let server: RunningServer;
let crowded: RunningServer;
beforeAll(async () => {
  speech.listen(0, '127.0.0.1');
  await once(speech, 'listening');
  const url = `http://127.0.0.1:${(speech.address() as AddressInfo).port}`;
  const model = (id: string, more: string) =>
    `  - { id: ${id}, ${more}backend: vllm, options: { tasks: [transcribe], upstreams: [{ url: "${url}", model: openai/whisper }] } }\n`;
  const plugins = 'plugins: ["@backplane/vllm-proxy", "@backplane/metrics"]\nmodels:\n';
  server = await serve(
    `server: { port: 0, body_limit: 3MB }\n${plugins}${model('whisper-1', 'aliases: [listener], ')}`,
  );
  crowded = await serve(`${plugins}${model('whisper-1', '')}${model('whisper-2', '')}`);
});
afterAll(async () => {
  await Promise.all([server.stop(), crowded.stop()]);
  speech.close();
});

const boundary = 'frontier';
const field = (name: string, value: string) =>
  `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
const file = (content: string) =>
  `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\n${content}\r\n`;
const end = `--${boundary}--\r\n`;
const wave = (bytes: number) => `RIFF${'\r\n--fron'.repeat(Math.ceil(bytes / 8))}`.slice(0, bytes);

/** Starts an upload whose client sends when told to. */
function upload(to: RunningServer) {
  const sending = request(`${to.url}/v1/audio/transcriptions`, {
    method: 'POST',
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}`, 'transfer-encoding': 'chunked' },
  });
  const reply = (async () => {
    const [response] = (await once(sending, 'response')) as [IncomingMessage];
    let text = '';
    for await (const chunk of response) text += chunk;
    return { status: response.statusCode, body: JSON.parse(text) as { text?: string; error?: object } };
  })();
  return { send: (text: string) => sending.write(text), finish: (text = '') => sending.end(text), reply };
}

/** Waits for the next upload to reach the speech server. */
async function arrival(after: number): Promise<Upload> {
  while (arrivals.length <= after) await once(speech, 'request');
  return arrivals[after] as Upload;
}

/** Sends a whole form at once. */
async function whole(form: string, to = server) {
  const { finish, reply } = upload(to);
  finish(form);
  return reply;
}

/** The values of one of the plugin's metrics. */
async function measured(name: string): Promise<readonly string[]> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  return [...text.matchAll(new RegExp(`^backplane_vllm_proxy_${name}(.*)$`, 'gm'))].map(([, value]) => value as string);
}

test('with the name first, the file reaches the upstream while the client still sends it', async () => {
  const before = arrivals.length;
  const { send, finish, reply } = upload(server);
  send(`${field('model', 'whisper-1')}${file(wave(200_000)).slice(0, 150_000)}`);
  await (await arrival(before)).begun;
  finish(`${file(wave(200_000)).slice(150_000)}${end}`);
  expect(await reply).toEqual({ status: 200, body: { text: 'openai/whisper heard 200000 bytes' } });
});

test('with the file first too, where only one model takes uploads; it gets its own name all the same', async () => {
  const before = arrivals.length;
  const { send, finish, reply } = upload(server);
  send(file(wave(200_000)).slice(0, 150_000));
  await (await arrival(before)).begun;
  finish(`${file(wave(200_000)).slice(150_000)}${field('model', 'listener')}${field('language', 'zh')}${end}`);
  expect(await reply).toEqual({ status: 200, body: { text: 'openai/whisper heard 200000 bytes' } });
  const form = await arrivals[before]?.form;
  expect(form?.getAll('model')).toEqual(['openai/whisper']);
  expect(form?.get('language')).toBe('zh');
});

test('with the file first and several models, the name is waited for', async () => {
  const { status, body } = await whole(`${file(wave(200_000))}${field('model', 'whisper-2')}${end}`, crowded);
  expect([status, body.text]).toEqual([200, 'openai/whisper heard 200000 bytes']);
});

test.each([1, 2, 3, 7, 1000])('a form that comes in pieces of %i bytes arrives whole', async (size) => {
  const { send, finish, reply } = upload(server);
  const form = `${field('prompt', 'say')}${file(wave(size * 400))}${field('model', 'listener')}${end}`;
  for (let at = 0; at < form.length; at += size) send(form.slice(at, at + size));
  finish();
  expect((await reply).body.text).toBe(`openai/whisper heard ${size * 400} bytes`);
});

test("JavaScript's own form, with the file in front as the OpenAI SDK sends it, is understood", async () => {
  const form = new FormData();
  form.set('file', new Blob([wave(1_000)]), '语音 "1".wav');
  form.set('model', 'whisper-1');
  const reply = await fetch(`${server.url}/v1/audio/transcriptions`, { method: 'POST', body: form });
  expect(await reply.json()).toEqual({ text: 'openai/whisper heard 1000 bytes' });
});

test.each([
  ['a model that is not there', `${field('model', 'whisper-9')}${file(wave(10))}${end}`, 404],
  ['the same behind a file', `${file(wave(100_000))}${field('model', 'whisper-9')}${end}`, 404],
  ['two names', `${field('model', 'whisper-1')}${field('model', 'whisper-9')}${file(wave(10))}${end}`, 400],
  [
    'two names, one behind the file',
    `${field('model', 'whisper-1')}${file(wave(90_000))}${field('model', 'x')}${end}`,
    400,
  ],
  ['another spelling of a name', `${file(wave(10))}${field('x"; name*="model', 'whisper-9')}${end}`, 400],
  ['a name within a name', `${field('x"; name="model', 'whisper-9')}${file(wave(10))}${end}`, 400],
  ['more than server.body_limit', `${field('model', 'whisper-1')}${file(wave(3_100_000))}${end}`, 413],
])('a form with %s is refused, and says nothing about the upstream', async (_what, form, status) => {
  for (let i = 0; i < 4; i++) expect((await whole(form)).status).toBe(status);
  expect(await measured('breaker_state')).toContain('{model="whisper-1",upstream="1",state="closed"} 1');
});

test('a client that leaves in the middle of its upload is not the fault of the upstream', async () => {
  const before = arrivals.length;
  const sending = request(`${server.url}/v1/audio/transcriptions`, {
    method: 'POST',
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
  });
  sending.on('error', () => {});
  sending.write(`${field('model', 'whisper-1')}${file(wave(100_000))}`);
  const { form } = await arrival(before);
  sending.destroy();
  await expect(form).rejects.toThrow();
  const line = await server.line(({ status }) => status === 499);
  expect(line).toMatchObject({ model: 'whisper-1' });
  const counted = await measured('upstream_requests_total');
  expect(counted.filter((value) => value.includes('outcome="failed"'))).toEqual([]);
  expect(counted.filter((value) => value.includes('outcome="cancelled"'))).toHaveLength(1);
});
