import { readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { contentOf, OldDocument } from '../clients/document.ts';
import type { Program } from '../clients/programs.ts';
import { folder, type RunningServer } from '../server.ts';
import { cache, describeSophon } from '../sophon/simulator.ts';
import { key, modelFolder, serveBox } from './sophon-se7.ts';

/** A host of the document: gives a video whatever it is asked for. */
const host = createServer(async (_request, response) => {
  response.end(await readFile(join(cache, 'reference/clip.avi')));
});

/** The document has comments behind the backslashes at the ends of lines, which no shell takes. */
const withoutComments = (program: Program): Program => ({ ...program, code: program.code.replace(/\\ +#.*$/gm, '\\') });

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

describeSophon('examples/sophon-se7.yaml on the simulator', () => {
  const document = new OldDocument('E-sophon-se7.md');
  const health = document.find('bash', '# 默认请求头格');
  const sameHealth = document.find('bash', '# 方');
  const text = document.find('bash', '/v1/chat/completions', '一下自己');
  const image = document.find('bash', 'file:///path/to/your/image.jpg');
  const video = document.find('bash', 'https://example.com/your-video.mp4');
  const stream = document.find('bash', '"stream": true');
  const describe = document.find('bash', '/v1/media/describe');
  const models = document.find('bash', '# 列出所有');
  // How the old service was built, started, tested and looked after.
  for (const part of [
    'dfss',
    'llm_convert.py',
    'cmake ..',
    '# □动4B模□（默认□置，□用API Key认□）\n',
    '# 示例：2B模□',
    'nohup',
    'test_api.py',
    'pipeline.py -m',
    'ls -lh models',
    'bm-smi',
    '--disable-api-auth',
    '/path/to/your/media/file.mp4',
  ]) {
    document.find('bash', part);
  }
  document.find('json', '"status": "healthy"');

  let server: RunningServer;
  let media: string;
  beforeAll(async () => {
    await new Promise<void>((resolve) => host.listen(0, '127.0.0.1', resolve));
    media = await folder({});
    server = await serveBox(media);
  });
  afterAll(async () => {
    expect(await server?.stop()).toEqual({ code: 0, signal: null });
    host.close();
    await rm(media, { recursive: true });
  });

  /** Runs a block with its files and hosts where they are here; `change`: what a user changes in it. */
  const printed = (program: Program, change: (code: string) => string = (code) => code): Promise<string> => {
    const { code } = withoutComments(program);
    const here = code
      .replaceAll('/path/to/your', media)
      .replaceAll('https://example.com', `http://127.0.0.1:${(host.address() as AddressInfo).port}`);
    return document.printed({ ...program, code: change(here) }, server);
  };
  const shown = (output: string): unknown[] => JSON.parse(`[${output.replaceAll('}{', '},{')}]`) as unknown[];

  test('has no block that is not tried here', () => {
    expect(document.untried).toEqual([]);
  });

  test('curl gets the health in the words of the old service, with the key in either header', async () => {
    for (const program of [health, sameHealth]) {
      const both = shown(await printed(program));
      expect(both).toHaveLength(2);
      for (const body of both) {
        expect(body).toEqual({
          status: 'healthy',
          details: 'The model is loaded and running',
          model: 'qwen3-vl-instruct',
          model_dir: modelFolder,
          max_concurrent: 10,
          api_auth_enabled: true,
          timestamp: expect.any(Number),
          version: expect.stringMatching(/^\d+\.\d+\.\d+/),
        });
      }
    }
  });

  test.each([
    ['in Authorization, after Bearer', 'Authorization: Bearer abc@123'],
    ['in a header of its own, alone', 'X-API-Key: abc@123'],
    ['in a header of its own, after a prefix', 'X-API-Key: ApiKey abc@123'],
  ])('curl gets the models, and one of them, with the key %s', async (_where, header) => {
    const given = (code: string) => code.replaceAll('Authorization: Bearer abc@123', header);
    const [list, one] = shown(await printed(models, given));
    expect(list).toMatchObject({ object: 'list', data: [{ id: 'qwen3-vl-instruct' }] });
    expect(one).toMatchObject({ id: 'qwen3-vl-instruct', object: 'model' });
  });

  test('curl gets an answer to a text', async () => {
    expect(contentOf(await printed(text))).not.toBe('');
  });

  test('curl gets an answer about a picture in a file', async () => {
    expect(contentOf(await printed(image))).not.toBe('');
  });

  test('curl gets an answer about a video that comes as an image_url', async () => {
    const answer = await printed(video);
    expect(answer).not.toContain('"error"');
    expect(contentOf(answer)).not.toBe('');
  });

  test('curl gets a stream to its end', async () => {
    const events = (await printed(stream)).trim().split('\n\n');
    expect(events.length).toBeGreaterThan(2);
    for (const event of events.slice(0, -1)) expect(event).toMatch(/^data: \{"id":"chatcmpl-/);
    expect(events.at(-1)).toBe('data: [DONE]');
  });

  test('curl uploads a picture and gets it described', async () => {
    expect(contentOf(await printed(describe))).not.toBe('');
  });

  test('nothing answers without the key but the page of /docs', async () => {
    for (const path of ['/health', '/ready', '/metrics', '/v1/models', '/openapi.json']) {
      expect((await fetch(server.url + path)).status, path).toBe(401);
    }
    expect((await fetch(`${server.url}/docs`)).status).toBe(200);
  });

  test('no log line has the key, and the first ones say that it is known to everyone', async () => {
    expect(JSON.stringify(server.lines)).not.toContain(key);
    expect(server.lines.some(({ msg }) => msg.includes('stands in public documents'))).toBe(true);
  });
});
