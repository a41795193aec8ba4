import { createHash } from 'node:crypto';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { decodeImage } from '@backplane/core/media';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clip, describeWithFfmpeg } from '../../core/test/media/clips.ts';
import { type RunningServer, serve } from '../server.ts';
import { picture } from './ask.ts';
import { looker } from './looker.ts';

const keys = `
  - use: "@backplane/auth"
    config:
      schemes:
        - header: Authorization
          prefix: Bearer
          keys:
            - { name: one, key: key-of-one-model, models: [sees, blind] }
            - { name: all, key: key-of-all-models }
            - { name: none, key: key-of-no-eyes, models: [blind] }
`;

const config = (port: number): string => `
server: { port: 0, body_limit: 1MB }
plugins:
  - ./looker.ts
  - "@backplane/vllm-proxy"${keys}
models:
  - { id: sees, backend: looker, isolation: thread }
  - { id: sees-too, backend: looker, isolation: process, unsupported: ignore }
  - { id: blind, backend: looker, isolation: inline, options: { modalities: [text] } }
  - { id: proxy, backend: vllm, options: { upstreams: [{ url: "http://127.0.0.1:${port}" }] } }
`;

let upstream: Server;
let heard: { readonly messages: readonly { readonly content: readonly object[] }[] } | undefined;
let server: RunningServer;
const image = picture('rgb_128x96.jpg');
let seen: string;

beforeAll(async () => {
  upstream = createServer(async (asked, response) => {
    if (asked.method === 'GET') return response.end('{"data":[]}');
    let body = '';
    for await (const chunk of asked) body += chunk;
    heard = JSON.parse(body);
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const chunk = (delta: object, finish: string | null) =>
      `data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
    response.end(`${chunk({ content: 'I see' }, null)}${chunk({}, 'stop')}data: [DONE]\n\n`);
  });
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  server = await serve(config((upstream.address() as AddressInfo).port), { files: { 'looker.ts': looker } });
  const { data } = await decodeImage({ mime: '', bytes: image }, {}, new AbortController().signal);
  seen = `image/jpeg 128x96 ${createHash('sha256').update(data).digest('hex')}`;
});
afterAll(async () => {
  await server?.stop();
  upstream?.close();
});

type Fields = Readonly<Record<string, string | Blob>>;

function describeFile(fields: Fields, key = 'key-of-one-model'): Promise<Response> {
  const form = new FormData();
  for (const [name, value] of Object.entries({ file: new Blob([image]), ...fields })) form.append(name, value as never);
  const headers = { authorization: `Bearer ${key}` };
  return fetch(`${server.url}/v1/media/describe`, { method: 'POST', headers, body: form });
}

async function refusal(response: Promise<Response>): Promise<object> {
  const answer = await response;
  return { status: answer.status, ...((await answer.json()) as { readonly error: object }).error };
}

test('a file and a prompt are answered as a chat about them, by the one model that sees', async () => {
  const response = await describeFile({ prompt: '详细描述这张图片的内容' });
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({
    object: 'chat.completion',
    model: 'sees',
    choices: [{ message: { role: 'assistant', content: `${seen}\n详细描述这张图片的内容` }, finish_reason: 'stop' }],
  });
});

test('it may be streamed', async () => {
  const response = await describeFile({ prompt: 'What is it?', stream: 'true' });
  expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
  const text = await response.text();
  const events = text.split('\n\n').filter((event) => event.startsWith('data: {'));
  const said = events.map((event) => JSON.parse(event.slice(6)).choices[0]?.delta.content ?? '').join('');
  expect(said).toBe(`${seen}\nWhat is it?`);
  expect(text).toMatch(/data: \[DONE\]\n\n$/);
  const line = await server.line(({ route, stream }) => route === '/v1/media/describe' && stream === true);
  expect(line).toMatchObject({ model: 'sees', status: 200, outcome: 'ok' });
});

test('without a prompt the model is asked to describe what it sees', async () => {
  const body = (await (await describeFile({})).json()) as { choices: [{ message: { content: string } }] };
  expect(body.choices[0].message.content).toBe(`${seen}\nDescribe this image.`);
});

test('the model may be named, before or behind the file', async () => {
  const models = [{ model: 'sees-too' }, { file: new Blob([image]), prompt: 'x', model: 'sees-too' }];
  for (const fields of models) {
    expect(await (await describeFile(fields, 'key-of-all-models')).json()).toMatchObject({ model: 'sees-too' });
  }
});

test('parameters of a chat may follow, as texts of the form', async () => {
  expect((await describeFile({ max_tokens: '100' })).status).toBe(200);
  expect(await refusal(describeFile({ max_tokens: 'many' }))).toMatchObject({ status: 400, param: 'max_tokens' });
  expect(await refusal(describeFile({ temperature: '0.5' }))).toMatchObject({
    status: 400,
    code: 'unsupported_parameter',
    param: 'temperature',
  });
});

test('an upstream, which has no such route, is sent the file in a chat', async () => {
  const response = await describeFile({ model: 'proxy', prompt: 'Well?' }, 'key-of-all-models');
  expect(await response.json()).toMatchObject({ model: 'proxy', choices: [{ message: { content: 'I see' } }] });
  expect(heard?.messages[0]?.content).toEqual([
    { type: 'image_url', image_url: { url: `data:image/jpeg;base64,${image.toString('base64')}` } },
    { type: 'text', text: 'Well?' },
  ]);
});

describe('a form is refused', () => {
  test.each<readonly [string, Fields, string, object]>([
    ['without a file', { file: '' }, 'key-of-one-model', { status: 400, param: 'file' }],
    ['whose file is a text', { file: 'a.jpg' }, 'key-of-one-model', { status: 400, param: 'file' }],
    [
      'whose file is neither picture nor video',
      { file: new Blob(['hello']) },
      'key-of-one-model',
      { status: 400, code: 'media_rejected', param: 'file' },
    ],
    [
      'without a model where more than one could be meant',
      {},
      'key-of-all-models',
      { status: 400, param: 'model', message: expect.stringContaining('sees, sees-too, proxy') },
    ],
    [
      'without a model where none sees',
      {},
      'key-of-no-eyes',
      { status: 400, param: 'model', message: 'No model here takes pictures.' },
    ],
    [
      'for a model that is not there',
      { model: 'nobody' },
      'key-of-one-model',
      { status: 404, code: 'model_not_found' },
    ],
    [
      'for a model that the key may not see',
      { model: 'sees-too' },
      'key-of-one-model',
      { status: 404, code: 'model_not_found' },
    ],
    [
      'for a model that does not see',
      { model: 'blind' },
      'key-of-one-model',
      { status: 400, message: 'blind does not take image input.' },
    ],
    ['with a wrong key', {}, 'another-key', { status: 401 }],
  ])('%s', async (_name, fields, key, expected) => {
    expect(await refusal(describeFile(fields, key))).toMatchObject({ type: expect.any(String), ...expected });
  });

  test('whose file is too large, before it has come', async () => {
    const head = '--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n';
    const status = await new Promise((resolve, reject) => {
      const headers = {
        authorization: 'Bearer key-of-one-model',
        'content-type': 'multipart/form-data; boundary=x',
        'transfer-encoding': 'chunked',
      };
      const upload = request(`${server.url}/v1/media/describe`, { method: 'POST', headers });
      // It never ends: the server answers all the same.
      upload.write(Buffer.concat([Buffer.from(head), Buffer.alloc(1_000_001)]));
      upload.on('response', (response) => resolve(response.statusCode)).on('error', reject);
      upload.on('response', () => upload.on('error', () => {}).destroy());
    });
    expect(status).toBe(413);
  });

  test('as JSON', async () => {
    const headers = { authorization: 'Bearer key-of-one-model', 'content-type': 'application/json' };
    const response = await fetch(`${server.url}/v1/media/describe`, { method: 'POST', headers, body: '{}' });
    expect(response.status).toBe(415);
  });
});

test('what one request uploads, another one does not find', async () => {
  const body = {
    model: 'sees',
    messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'upload:0' } }] }],
  };
  const headers = { authorization: 'Bearer key-of-one-model', 'content-type': 'application/json' };
  const chat = fetch(`${server.url}/v1/chat/completions`, { method: 'POST', headers, body: JSON.stringify(body) });
  expect(await refusal(chat)).toMatchObject({ status: 400, code: 'media_rejected' });
});

test('a model that is loaded on demand is loaded for it, where no other could be meant', async () => {
  const lazy = `plugins: [./looker.ts]\nmodels: [{ id: lazy, backend: looker, isolation: inline, on_demand: {} }]\n`;
  const other = await serve(lazy, { files: { 'looker.ts': looker } });
  try {
    const form = new FormData();
    form.append('file', new Blob([image]));
    const response = await fetch(`${other.url}/v1/media/describe`, { method: 'POST', body: form });
    expect(await response.json()).toMatchObject({ model: 'lazy' });
  } finally {
    await other.stop();
  }
});

describeWithFfmpeg('an uploaded video', () => {
  test('is described as one, whatever its name says', async () => {
    const video = clip({ as: 'avi', options: ['-c:v', 'mpeg4'] });
    const response = await describeFile({ file: new File([video], 'photo.jpg', { type: 'image/jpeg' }) });
    const { choices } = (await response.json()) as { choices: [{ message: { content: string } }] };
    expect(choices[0].message.content).toMatch(/^video\/x-msvideo 96x64 .* 30 frames .*\nDescribe this video\.$/);
  });
});
