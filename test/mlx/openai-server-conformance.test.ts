import { testConformance } from '@backplane/core/testing';
import { afterAll, test } from 'vitest';
import { describeOpenaiServer, serverPython, tinyMlx } from './engine.ts';

describeOpenaiServer('the mlx backend with mlx-openai-server', () => {
  testConformance(
    {
      plugin: new URL('../../plugins/mlx/src/index.ts', import.meta.url).href,
      backend: 'mlx',
      options: { engine: 'mlx-openai-server', path: tinyMlx, python: serverPython },
    },
    { test: (name, run) => test(name, { timeout: 240_000 }, run), after: afterAll },
    {
      timeoutMs: 240_000,
      waived: {
        'usage-adds-up':
          'mlx-openai-server counts the token that ends the turn, and does not say what a piece stands for',
      },
    },
  );
});
