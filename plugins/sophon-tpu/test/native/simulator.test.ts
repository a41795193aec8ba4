import { expect, test } from 'vitest';
import type { Network } from '../../src/native.ts';
import { describeSimulator, simulate } from './setup.ts';

describeSimulator("the vendor's simulator", () => {
  test('runs a network, prints nothing between our lines, and finds no memory left', async () => {
    const { results, code, stdout, stderr } = await simulate([
      'open a',
      'chip',
      'stat',
      'networks a',
      'embed a 5',
      'embed a 6',
    ]);
    expect(results.slice(0, 3)).toEqual(['done', 0x1686, 'done']);
    const cache = (results[3] as Network[]).find(({ name }) => name === 'block_cache_0');
    expect(cache).toMatchObject({
      dynamic: false,
      addressMode: 1,
      inputs: [{ dtype: 'bf16' }, { dtype: 'i32' }, { dtype: 'bf16' }, { dtype: 'bf16' }, { dtype: 'bf16' }],
    });
    expect(cache?.stages[0]?.inputs[3]).toEqual({
      shape: [1, 128, 2, 32],
      memory: { id: expect.any(Number), bytes: 128 * 2 * 32 * 2 },
    });
    expect(results[4]).not.toEqual(results[5]);
    expect(stdout.trimEnd().split('\n')).toHaveLength(1);
    expect(stderr).toContain('cmodel init');
    expect(code).toBe(0);
  });

  test('gives two runtimes memory of their own, and with SHARE_MEM does not', async () => {
    const apart = await simulate(['open a', 'open b']);
    expect(apart.results).toEqual(['done', 'done']);
    const mixed = await simulate(['open a', 'open b', 'embed a 5'], { BACKPLANE_SOPHON_TEST_UNSAFE: 'share_memory' });
    expect(mixed.results[1]).toMatchObject({ fault: 'overlap', fatal: true });
    expect(mixed.code).toBe(0);
  });

  test('answers one thread alike while others open, step and close', async () => {
    const others = ['2> open a', '2> embed a 6', '2> close a', '3> open a', '3> embed a 6', '3> close a'];
    const { results, code } = await simulate(['1> open a', '1> embed a 5', '1> embed a 5 8 &', ...others, 'wait']);
    const alone = results[1] as string[];
    expect(alone[0]).toMatch(/^[0-9a-f]{256}$/);
    expect(results[2]).toEqual(alone);
    expect(results[4]).toEqual(results[7]);
    expect(results[4]).not.toEqual(alone);
    expect(code).toBe(0);
  });
});
