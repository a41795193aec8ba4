import { afterAll, beforeAll, expect, test } from 'vitest';
import { chat } from '../chat.ts';
import { mlxMacClients } from '../clients/mlx-mac.ts';
import { describeMlx, python, tinyMlx } from '../mlx/engine.ts';
import type { RunningServer } from '../server.ts';
import { fitted, serveExample } from './example.ts';

describeMlx('examples/mlx-mac.yaml', () => {
  let server: RunningServer;
  beforeAll(async () => {
    const env = { MLX: python, QWEN3_14B: tinyMlx, MLX_OPENAI_SERVER: './not-installed' };
    // A model that cannot be loaded is tried again for 15 s; once is enough here.
    const once = (text: string) => text.replace(/^( +)on_demand: .*$/gm, '$&\n$1restart: { limit: 0 }');
    server = await serveExample('mlx-mac.yaml', env, (text) => once(fitted(text)));
  });
  afterAll(() => server?.stop());

  mlxMacClients(() => server);

  test('lists the five models of the document, of which all but the first wait for their first call', async () => {
    const reply = await fetch(`${server.url}/v1/models`);
    const { data } = (await reply.json()) as { data: { id: string; backplane: { state: string } }[] };
    expect(data.map(({ id, backplane }) => [id, backplane.state])).toEqual([
      ['qwen3-14b', 'ready'],
      ['gemma-3-12b', 'unloaded'],
      ['whisper-large-v3-turbo', 'unloaded'],
      ['qwen3-embedding-0.6b', 'unloaded'],
      ['qwen3-embedding-4b', 'unloaded'],
    ]);
  });

  test('a model whose engine is not installed says so, and the others go on', async () => {
    const refused = await chat(server.url, 'hello', { model: 'gemma-3-12b' });
    expect(refused.status).toBe(503);
    expect(await refused.text()).toContain('There is no ./not-installed');
    expect((await chat(server.url, 'hello', { model: 'qwen3-14b' })).status).toBe(200);
  });
});
