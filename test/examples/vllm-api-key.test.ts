import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { contentOf, OldDocument, streamed } from '../clients/document.ts';
import type { RunningServer } from '../server.ts';
import { chatboxChat } from './chatbox.ts';
import { serveExample } from './example.ts';
import {
  describeWithUpstreams,
  product,
  startLiteLlm,
  startLlamaServer,
  startUpstream,
  type UpstreamServer,
} from './upstreams.ts';

const key = 'sk-the-key-of-the-service';
/** As the document has users fill in its variables. */
const filled = { API_KEY: key, PrivateIP: '127.0.0.1', PublicIp: '127.0.0.1' };

/** The programs of the document, and what its desktop client sends. */
function clients(server: () => RunningServer): void {
  const document = new OldDocument('B-vllm-api-key.md');
  const privately = document.find('shell', '{$PrivateIP}');
  const publicly = document.find('shell', 'PublicIp}:8000');

  test('has no block that is not tried here', () => {
    expect(document.untried).toEqual([]);
  });

  test('curl streams an answer, by the private and by the public address', async () => {
    expect(streamed(await document.printed(privately, server(), filled))).not.toBe('');
    expect(streamed(await document.printed(publicly, server(), filled))).not.toBe('');
  });

  test('curl without stream gets a plain answer', async () => {
    const code = publicly.code.replace(/,\s+"stream": true/, '');
    expect(code).not.toBe(publicly.code);
    const reply = await document.printed({ ...publicly, code }, server(), filled);
    expect(contentOf(reply)).not.toBe('');
    expect(JSON.parse(reply)).toMatchObject({ object: 'chat.completion', model: 'ds' });
  });

  test('the OpenAI SDK streams an answer', async () => {
    const client = new OpenAI({ baseURL: `${server().url}/v1`, apiKey: key });
    const messages = [{ role: 'user', content: 'What is Backplane?' }] as const;
    const stream = await client.chat.completions.create({ model: 'ds', messages: [...messages], stream: true });
    let text = '';
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
    expect(text).toMatch(/^Backplane is/);
  });

  test('Chatbox lists the models and chats', async () => {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    const models = await fetch(`${server().url}/v1/models`, { headers });
    expect(models.status).toBe(200);
    expect(await models.json()).toMatchObject({ object: 'list', data: [{ id: 'ds', object: 'model' }] });
    expect(await chatboxChat(server().url, key, 'ds')).toMatch(/^Backplane is/);
  });
}

describe(`examples/vllm-api-key.yaml in front of ${product}`, () => {
  let upstream: UpstreamServer;
  let server: RunningServer;
  beforeAll(async () => {
    upstream = await startUpstream({ model: 'ds', key });
    server = await serveExample('vllm-api-key.yaml', { API_KEY: key, VLLM_URL: upstream.url });
  });
  afterAll(() => Promise.all([server?.stop(), upstream?.stop()]));

  clients(() => server);

  test('Chatbox in a browser may ask before it sends its key', async () => {
    const origin = 'https://web.chatboxai.app';
    const asked = {
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,content-type',
    };
    const url = `${server.url}/v1/chat/completions`;
    const { status, headers } = await fetch(url, { method: 'OPTIONS', headers: { origin, ...asked } });
    expect(status).toBe(204);
    expect(headers.get('access-control-allow-origin')).toBe(origin);
    expect(headers.get('access-control-allow-headers')).toBe('authorization,content-type');
    const answer = await fetch(url, {
      method: 'POST',
      headers: { origin, authorization: `Bearer ${key}` },
      body: '{}',
    });
    expect(answer.headers.get('access-control-allow-origin')).toBe(origin);
    await answer.text();
  });

  test('nobody gets in without the key, and no log line has it', async () => {
    for (const headers of [{}, { authorization: 'Bearer sk-wrong' }]) {
      expect((await fetch(`${server.url}/v1/models`, { headers })).status).toBe(401);
    }
    expect(JSON.stringify(server.lines)).not.toContain(key);
  });
});

describeWithUpstreams('examples/vllm-api-key.yaml in front of LiteLLM, which is in front of llama-server', () => {
  let engine: UpstreamServer;
  let gateway: UpstreamServer;
  let server: RunningServer;
  beforeAll(async () => {
    engine = await startLlamaServer({ model: 'ds' });
    gateway = await startLiteLlm({ model: 'ds', url: engine.url }, key);
    server = await serveExample('vllm-api-key.yaml', { API_KEY: key, VLLM_URL: gateway.url });
  }, 120_000);
  afterAll(() => Promise.all([server?.stop(), gateway?.stop(), engine?.stop()]));

  clients(() => server);
});
