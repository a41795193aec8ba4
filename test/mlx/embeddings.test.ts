import { testConformance } from '@backplane/core/testing';
import OpenAI from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningServer, serve } from '../server.ts';
import { describeOpenaiServer, mlxConfig, serverModel, serverPython, tinyMlx } from './engine.ts';

const plugin = new URL('../../plugins/mlx/src/index.ts', import.meta.url).href;

describeOpenaiServer('embeddings in mlx-openai-server', () => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await serve(mlxConfig(serverModel('m', 'embeddings', tinyMlx)));
  }, 300_000);
  afterAll(() => server?.stop());

  const embed = (body: object): Promise<Response> =>
    fetch(`${server.url}/v1/embeddings`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'm', ...body }),
    });

  test('come as numbers and as base64, the same ones, with the tokens counted', async () => {
    const input = ['Backplane is a server', '你好'];
    const plain = (await (await embed({ input })).json()) as {
      readonly data: readonly { readonly embedding: readonly number[] }[];
      readonly usage: object;
    };
    const packed = (await (await embed({ input, encoding_format: 'base64' })).json()) as {
      readonly data: readonly { readonly embedding: string }[];
    };
    expect(plain.data).toHaveLength(2);
    for (const [at, { embedding }] of packed.data.entries()) {
      const bytes = Buffer.from(embedding, 'base64');
      const numbers = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
      expect([...numbers]).toEqual(plain.data[at]?.embedding);
    }
    expect(plain.usage).toEqual({ prompt_tokens: expect.any(Number), total_tokens: expect.any(Number) });
  });

  test('reach the SDK, which asks for base64', async () => {
    const openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'unused' });
    const { data, usage } = await openai.embeddings.create({ model: 'm', input: 'hello' });
    expect(data[0]?.embedding.length).toBeGreaterThan(8);
    expect(usage.prompt_tokens).toBeGreaterThan(0);
  });

  test('of a text that the engine would cut without a word are refused, with the numbers', async () => {
    const response = await embed({ input: ['short', 'rack fan lamp '.repeat(400)] });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      error: {
        ...{ code: 'context_length_exceeded', param: 'input.1' },
        message: expect.stringMatching(/Input 1 has \d{4} tokens, but this model embeds at most 512/),
      },
    });
  });

  test('cannot be of token ids, nor of a wished length', async () => {
    expect((await embed({ input: [1, 2, 3] })).status).toBe(400);
    expect(await (await embed({ input: 'x', dimensions: 8 })).json()).toMatchObject({ error: { param: 'dimensions' } });
  });
});

describeOpenaiServer('the mlx backend for embeddings', () => {
  const options = { engine: 'mlx-openai-server', type: 'embeddings', path: tinyMlx, python: serverPython };
  testConformance(
    { plugin, backend: 'mlx', options },
    { test: (name, run) => test(name, { timeout: 180_000 }, run), after: afterAll },
    { timeoutMs: 180_000 },
  );
});
