import { afterAll, beforeAll } from 'vitest';
import { mlxMacClients } from '../clients/mlx-mac.ts';
import { describeMlx, python, tinyMlx } from '../mlx/engine.ts';
import type { RunningServer } from '../server.ts';
import { serveExample } from './example.ts';

/** The programs ask for random answers, of which a model this small gives an empty one now and then; its likeliest are not. */
const likeliest = (text: string) => text.replace(/^( +)reasoning: raw\b.*$/m, '$&\n$1defaults: { top_k: 1 }');

describeMlx('examples/mlx-mac.yaml', () => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await serveExample('mlx-mac.yaml', { MLX: python, QWEN3_14B: tinyMlx }, likeliest);
  });
  afterAll(() => server?.stop());

  mlxMacClients(() => server);
});
