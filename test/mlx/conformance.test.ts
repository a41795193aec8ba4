import { testConformance } from '@backplane/core/testing';
import { afterAll, test } from 'vitest';
import { describeMlx, python, tinyMlx } from './engine.ts';

describeMlx('the mlx backend', () => {
  testConformance(
    {
      plugin: new URL('../../plugins/mlx/src/index.ts', import.meta.url).href,
      backend: 'mlx',
      options: { path: tinyMlx, python },
    },
    { test: (name, run) => test(name, { timeout: 180_000 }, run), after: afterAll },
    {
      timeoutMs: 180_000,
      waived: {
        'usage-adds-up': 'mlx_lm.server counts the token that ends the turn, and does not say what a piece stands for',
      },
    },
  );
});
