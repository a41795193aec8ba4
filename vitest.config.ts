import { defineConfig } from 'vitest/config';

const conditions = ['@backplane/source'];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ['core/test/**/*.test.ts', 'plugins/*/test/**/*.test.ts', 'test/**/*.test.ts'],
    execArgv: ['--conditions=@backplane/source'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
