import { conform } from '@backplane/core/testing';
import { expect, test } from 'vitest';

const plugin = new URL('words.ts', import.meta.url).href;

for (const isolation of ['inline', 'thread', 'process'] as const) {
  test(`a sound backend passes every rule in isolation ${isolation}, and each of them applies`, async () => {
    const { passed, results } = await conform({ plugin, backend: 'words', isolation });
    expect(results.filter(({ status }) => status !== 'passed')).toEqual([]);
    expect(passed).toBe(true);
  });
}
