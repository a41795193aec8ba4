import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

const conditions = ['@backplane/source'];
/** The simulator's threads wait by counting: beside another test they take ten times as long. */
const simulated = ['test/sophon/**/*.test.ts', 'test/examples/sophon-se7.test.ts'];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    execArgv: ['--conditions=@backplane/source'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'tests',
          include: ['core/test/**/*.test.ts', 'plugins/*/test/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: simulated,
          // Most of them wait for servers; Vitest alone would leave one of two cores idle.
          maxWorkers: Math.max(availableParallelism() - 1, 2),
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: { name: 'simulator', include: simulated, maxWorkers: 1, sequence: { groupOrder: 1 } },
      },
    ],
  },
});
