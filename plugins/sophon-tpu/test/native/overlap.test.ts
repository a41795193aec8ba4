import { expect, test } from 'vitest';
import { describeNative, play } from './setup.ts';

const shared = (more = '') => ({ env: { BACKPLANE_SOPHON_TEST_UNSAFE: `share_memory${more}` } });

describeNative('memory of two runtimes', () => {
  test('that overlaps keeps the second from starting, and the first serves on', async () => {
    const { results, code, report } = await play(
      ['open a', 'open b', 'step a', 'close a', 'open b', 'step b'],
      shared(),
    );
    expect(results[1]).toEqual({
      message:
        'This libbmrt gives two instances the same activation memory, so their answers would mix. Use a libsophon that keeps memory apart, or one instance per process',
      fault: 'overlap',
      fatal: true,
    });
    expect(results.slice(2)).toEqual([[7, 8, 9, 10], 'done', 'done', [7, 8, 9, 10]]);
    expect(report).toMatchObject({ runtimes: 0, allocations: 0 });
    expect(code).toBe(0);
  });

  test('is apart unless a test asks libbmrt for SHARE_MEM', async () => {
    const memories = (results: readonly unknown[], at: number) => JSON.stringify(results[at]);
    const apart = await play(['open a', 'open b', 'step a 1', 'step b 2', 'bytes a', 'bytes b']);
    const mixed = await play(
      ['open a', 'open b', 'step a 1', 'step b 2', 'bytes a', 'bytes b'],
      shared(',allow_overlap'),
    );
    expect(memories(apart.results, 4)).not.toBe(memories(apart.results, 5));
    expect(memories(mixed.results, 4)).toBe(memories(mixed.results, 5));
    expect(mixed.stderr).toContain('BACKPLANE_SOPHON_TEST_UNSAFE is set: answers of this process may be wrong.');
    expect(apart.stderr).not.toContain('BACKPLANE_SOPHON_TEST_UNSAFE');
  });
});
