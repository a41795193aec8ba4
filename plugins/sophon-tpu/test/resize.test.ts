import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { resizeBicubic, resizeScalar } from '../src/bicubic.ts';
import { golden, picture, sha256 } from './goldens.ts';

interface Row {
  readonly file: string;
  readonly out_wh: readonly [width: number, height: number];
  readonly sha256: string;
  readonly picks: readonly (readonly [index: number, value: number])[];
}
const { rows } = golden<{ readonly rows: readonly Row[] }>('resize_bicubic');

/** Bytes without order, a third of them black and a third white: what overshoots most. */
function noise(length: number, seed: number): Uint8Array {
  let state = seed | 1;
  const next = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return ((state >>> 8) % 768) - 256;
  };
  return new Uint8Array(Uint8ClampedArray.from({ length }, next));
}

describe('a resized picture', () => {
  it.each(rows)('is the same as from Pillow: $file to $out_wh', async ({ file, out_wh: [width, height], ...row }) => {
    const { data } = resizeBicubic(await picture(file), { width, height });
    expect(row.picks.map(([index]) => data[index])).toEqual(row.picks.map(([, value]) => value));
    expect(sha256(data)).toBe(row.sha256);
  });

  const size = fc.integer({ min: 1, max: 40 });
  it('is the picture itself in its own size', () => {
    fc.assert(
      fc.property(size, size, fc.uint8Array({ minLength: 4800, maxLength: 4800 }), (width, height, noise) => {
        const image = { width, height, data: noise.subarray(0, width * height * 3) };
        expect(resizeBicubic(image, { width, height }).data).toEqual(image.data);
      }),
    );
  });

  it('is the same with vectors and without', () => {
    const length = fc.integer({ min: 1, max: 70 });
    fc.assert(
      fc.property(length, length, length, length, fc.nat(), (width, height, toWidth, toHeight, seed) => {
        const image = { width, height, data: noise(width * height * 3, seed) };
        const size = { width: toWidth, height: toHeight };
        expect(Buffer.compare(resizeBicubic(image, size).data, resizeScalar(image, size))).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  it('is the same with vectors and without for pictures of more than one band', () => {
    for (const size of [
      { width: 300, height: 100 },
      { width: 64, height: 200 },
      { width: 500, height: 700 },
    ]) {
      const image = { width: 300, height: 200, data: noise(300 * 200 * 3, 1) };
      expect(Buffer.compare(resizeBicubic(image, size).data, resizeScalar(image, size))).toBe(0);
    }
  });

  it('is the same with vectors and without where most of the rows become few', () => {
    const image = { width: 6_000, height: 400, data: noise(6_000 * 400 * 3, 2) };
    const size = { width: 6_000, height: 8 };
    expect(Buffer.compare(resizeBicubic(image, size).data, resizeScalar(image, size))).toBe(0);
  });

  it('is of one colour where the picture is, in any size', () => {
    const colour = fc.integer({ min: 0, max: 255 });
    fc.assert(
      fc.property(fc.tuple(size, size, size, size, colour), ([width, height, toWidth, toHeight, value]) => {
        const image = { width, height, data: new Uint8Array(width * height * 3).fill(value) };
        const resized = resizeBicubic(image, { width: toWidth, height: toHeight });
        expect(resized.data).toEqual(new Uint8Array(toWidth * toHeight * 3).fill(value));
      }),
    );
  });

  it('is refused where the bytes are not those of the picture', () => {
    const short = { width: 4, height: 4, data: new Uint8Array(47) };
    expect(() => resizeBicubic(short, { width: 2, height: 2 })).toThrow('4x4 RGB pixels are 48 bytes');
  });
});
