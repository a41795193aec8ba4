import { testConformance } from '@backplane/core/testing';
import { afterAll, describe, test } from 'vitest';
import { repository, tiny } from './setup.ts';

for (const isolation of ['inline', 'thread', 'process'] as const) {
  describe(`llamacpp in isolation ${isolation}`, () => {
    testConformance(
      {
        plugin: new URL('../src/index.ts', import.meta.url).href,
        backend: 'llamacpp',
        options: { path: tiny, embeddings: true, slots: 3 },
        isolation,
        directory: repository,
      },
      { test, after: afterAll },
    );
  });
}
