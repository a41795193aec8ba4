import { readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chat, stream } from '../chat.ts';
import { writeScriptedMlx } from '../scripted/mlx.ts';
import { folder, type RunningServer, serve } from '../server.ts';
import { mlxConfig, serverModel, serverPython } from './engine.ts';
import { writeStandIn } from './stand-in.ts';

/** A loader as a third party writes one; it says in its user agent that it is no engine. */
const loader = `
import { definePlugin, Failure } from '@backplane/core/sdk';
import { z } from 'zod';
export default definePlugin({
  name: 'loader',
  apiVersion: 1,
  config: z.strictObject({}),
  setup(context) {
    context.media({
      schemes: ['http:', 'data:'],
      async load(url, signal) {
        if (url.startsWith('data:text')) return { mime: 'text/plain', bytes: Buffer.from('no') };
        const response = await fetch(url, { signal, headers: { 'user-agent': 'loader' } });
        if (!response.ok) throw new Failure('media_rejected', 'there is no such picture');
        return { mime: 'image/png', bytes: new Uint8Array(await response.arrayBuffer()) };
      },
    });
  },
});
`;
const picture = Buffer.from('not quite a PNG');

interface Asked {
  readonly messages: readonly [{ readonly content: readonly object[] }];
}

// The real one needs more than this machine has: what it would be sent is what is looked at.
describe('a multimodal model in what stands in for mlx-openai-server', () => {
  let directory: string;
  let server: RunningServer;
  let listener: Server;
  let visitors: (string | undefined)[] = [];
  let url: string;
  let asked: () => Promise<readonly Asked[]>;
  beforeAll(async () => {
    directory = await folder({});
    const model = join(directory, 'model');
    await writeScriptedMlx(model);
    const standIn = await writeStandIn(directory);
    asked = async () =>
      (await readFile(standIn.asked, 'utf8')).split('\n').flatMap((line) => (line ? [JSON.parse(line)] : []));
    listener = createServer((request, response) => {
      visitors.push(request.headers['user-agent']);
      response.writeHead(request.url === '/cat.png' ? 200 : 404).end(picture);
    });
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(listener.address() as AddressInfo).port}`;
    const entry = serverModel('m', 'multimodal', model, 'slots: 3').replaceAll(serverPython, standIn.python);
    const config = mlxConfig(entry, entry.replace('id: m', 'id: lm').replace('multimodal', 'lm'));
    server = await serve(config.replace('["@backplane/mlx"]', '["@backplane/mlx", ./loader.ts]'), {
      files: { 'loader.ts': loader },
    });
  });
  afterAll(async () => {
    await server?.stop();
    listener?.close();
    await rm(directory, { recursive: true });
  });

  const ask = (parts: readonly object[], more: object = {}): Promise<Response> =>
    chat(server.url, '', { messages: [{ role: 'user', content: parts }], ...more });
  const image = (at: string): object => ({ type: 'image_url', image_url: { url: at } });

  test('gets images as data, fetched by Backplane and by nobody else', async () => {
    visitors = [];
    const response = await ask([image(`${url}/cat.png`), { type: 'text', text: 'what is this?' }]);
    expect(response.status).toBe(200);
    expect(visitors).toEqual(['loader']);
    const data = `data:image/png;base64,${picture.toString('base64')}`;
    expect((await asked()).at(-1)?.messages[0].content).toEqual([image(data), { type: 'text', text: 'what is this?' }]);
    expect(await readFile(join(directory, 'asked'), 'utf8')).not.toContain(url);
  });

  test.each([
    ['that the loader does not have', () => image(`${url}/dog.png`), 'no such picture'],
    ['of a scheme that no loader takes', () => image('ftp://example.org/cat.png'), 'does not load media from ftp:'],
    ['that is none', () => image('data:text/plain,no'), 'this is no image but text/plain'],
    ['that is a video', () => ({ type: 'video_url', video_url: { url: `${url}/cat.png` } }), ''],
  ])('never sees an image %s', async (_, part, sentence) => {
    const before = (await asked()).length;
    const response = await ask([part()]);
    expect(response.status).toBe(400);
    expect(await response.text()).toContain(sentence);
    expect(await asked()).toHaveLength(before);
  });

  test('is told with its images, and a text model refuses them', async () => {
    expect(await (await fetch(`${server.url}/v1/models/m`)).text()).toContain('"image"');
    const response = await ask([image(`${url}/cat.png`)], { model: 'lm' });
    expect(response.status).toBe(400);
  });

  test('that is full says so in a stream that began well: a 429 to the client', async () => {
    for (const streamed of [false, true]) {
      const response = await chat(server.url, 'full', { stream: streamed });
      expect(response.status).toBe(429);
      expect(await response.text()).toContain('Too many requests');
    }
  });

  test('whose stream ends without an end is no answer', async () => {
    const plain = await chat(server.url, 'silent');
    expect(plain.status).toBe(502);
    expect(await plain.text()).toContain('without saying that the answer is whole');
    expect(await stream(server.url, 'silent')).toMatchObject({ done: false, whole: false, error: {} });
  });

  test('of a version that has max_concurrency is configured with it, and with no key that it does not know', async () => {
    expect(server.lines.find(({ engine }) => engine === 'mlx-openai-server 1.6.3')).toBeDefined();
    const { models } = JSON.parse(await readFile(join(directory, 'asked.config'), 'utf8')) as {
      readonly models: object;
    };
    expect(models).toEqual([
      { model_path: join(directory, 'model'), model_type: 'multimodal', served_model_name: 'm', max_concurrency: 3 },
    ]);
  });
});
