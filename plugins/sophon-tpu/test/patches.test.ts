import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { patchMemory } from '../src/patch-memory.ts';
import { patchify } from '../src/patches.ts';
import type { RgbImage } from '../src/rgb.ts';
import { sha256 } from './goldens.ts';

/** The definition, axis by axis, as numpy's reshape and transpose read. */
function naive(moments: readonly [RgbImage, RgbImage]): number[] {
  const { width, height } = moments[0];
  const values: number[] = [];
  for (let blockRow = 0; blockRow < height / 32; blockRow++)
    for (let blockColumn = 0; blockColumn < width / 32; blockColumn++)
      for (let rowInBlock = 0; rowInBlock < 2; rowInBlock++)
        for (let columnInBlock = 0; columnInBlock < 2; columnInBlock++)
          for (let channel = 0; channel < 3; channel++)
            for (const { data } of moments)
              for (let y = 0; y < 16; y++)
                for (let x = 0; x < 16; x++) {
                  const row = blockRow * 32 + rowInBlock * 16 + y;
                  const column = blockColumn * 32 + columnInBlock * 16 + x;
                  values.push(Math.fround(((data[(row * width + column) * 3 + channel] ?? 0) / 255 - 0.5) / 0.5));
                }
  return values;
}

const noise = (width: number, height: number, seed: number): RgbImage => ({
  width,
  height,
  data: Uint8Array.from({ length: width * height * 3 }, (_, index) => (index * 7919 + seed * 104_729) >> 3),
});

describe('patches', () => {
  it('lie as the vision tower reads them, for one picture and for two frames', () => {
    const blocks = fc.integer({ min: 1, max: 3 });
    fc.assert(
      fc.property(blocks, blocks, fc.nat(1000), (across, down, seed) => {
        const first = noise(across * 32, down * 32, seed);
        const second = noise(across * 32, down * 32, seed + 1);
        expect(closest(patchify(first), naive([first, first]))).toBeLessThan(1e-6);
        expect(closest(patchify(first, second), naive([first, second]))).toBeLessThan(1e-6);
      }),
      { numRuns: 20 },
    );
  });

  it('lie in memory that was there before, and leave the rest of it alone', () => {
    const memory = new Float32Array(4 * 1536 + 1).fill(7);
    const picture = noise(32, 32, 3);
    const values = patchify(picture, picture, memory);
    expect(values).toEqual(patchify(picture));
    expect([values.buffer === memory.buffer, memory.at(-1)]).toEqual([true, 7]);
    expect(() => patchify(noise(64, 32, 1), noise(64, 32, 1), memory)).toThrow('there is room for 6145');
  });

  it('are the same with vectors and without', () => {
    const memory = patchMemory(24);
    const blocks = fc.integer({ min: 1, max: 3 });
    fc.assert(
      fc.property(blocks, fc.integer({ min: 1, max: 2 }), fc.nat(1000), (across, down, seed) => {
        const first = noise(across * 32, down * 32, seed);
        const second = noise(across * 32, down * 32, seed + 1);
        expect(sha256(patchify(first, first, memory))).toBe(sha256(patchify(first)));
        expect(sha256(patchify(first, second, memory))).toBe(sha256(patchify(first, second)));
      }),
      { numRuns: 40 },
    );
    expect(memory).toHaveLength(24 * 1536);
  });

  it('are the same with vectors and without for every byte', () => {
    const bytes = { width: 32, height: 32, data: Uint8Array.from({ length: 32 * 32 * 3 }, (_, index) => index) };
    expect(sha256(patchify(bytes, bytes, patchMemory(4)))).toBe(sha256(patchify(bytes)));
  });

  it('are refused for a size that is not cut into whole tokens', () => {
    expect(() => patchify(noise(48, 32, 1))).toThrow('A picture of 48x32 cannot be cut into 32x32');
  });

  it('are refused for two frames of different sizes', () => {
    expect(() => patchify(noise(64, 32, 1), noise(32, 64, 1))).toThrow('differ in size');
  });
});

/** The largest difference; NaN where the lengths differ. */
function closest(ours: Float32Array, theirs: readonly number[]): number {
  if (ours.length !== theirs.length) return Number.NaN;
  let most = 0;
  for (let at = 0; at < theirs.length; at++) most = Math.max(most, Math.abs((ours[at] ?? 0) - (theirs[at] ?? 9)));
  return most;
}
