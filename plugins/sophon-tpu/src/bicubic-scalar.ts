import { kernel, precision } from './bicubic-kernel.ts';
import type { Size } from './rgb.ts';

/*
 * Both passes in plain TypeScript: what wasm/bicubic.c computes, and what runs where a processor lacks 128-bit vectors.
 */
const half = 1 << (precision - 1);

export function alongRows(source: Uint8Array, { width, height }: Size, to: number): Uint8Array {
  const { most, first, count, taps } = kernel(width, to);
  const result = new Uint8ClampedArray(to * height * 3);
  let at = 0;
  for (let row = 0; row < height; row++) {
    const begin = row * width * 3;
    for (let out = 0; out < to; out++, at += 3) {
      let red = half;
      let green = half;
      let blue = half;
      let pixel = begin + (first[out] as number) * 3;
      const tap = out * most;
      const end = tap + (count[out] as number);
      for (let k = tap; k < end; k++, pixel += 3) {
        const weight = taps[k] as number;
        red = (red + Math.imul(source[pixel] as number, weight)) | 0;
        green = (green + Math.imul(source[pixel + 1] as number, weight)) | 0;
        blue = (blue + Math.imul(source[pixel + 2] as number, weight)) | 0;
      }
      result[at] = red >> precision;
      result[at + 1] = green >> precision;
      result[at + 2] = blue >> precision;
    }
  }
  return new Uint8Array(result.buffer);
}

export function alongColumns(source: Uint8Array, stride: number, height: number, to: number): Uint8Array {
  const { most, first, count, taps } = kernel(height, to);
  const result = new Uint8ClampedArray(stride * to);
  const sums = new Int32Array(stride);
  for (let out = 0; out < to; out++) {
    sums.fill(half);
    let row = (first[out] as number) * stride;
    const tap = out * most;
    const end = tap + (count[out] as number);
    for (let k = tap; k < end; k++, row += stride) {
      const weight = taps[k] as number;
      for (let x = 0; x < stride; x++) {
        sums[x] = ((sums[x] as number) + Math.imul(source[row + x] as number, weight)) | 0;
      }
    }
    const begin = out * stride;
    for (let x = 0; x < stride; x++) result[begin + x] = (sums[x] as number) >> precision;
  }
  return new Uint8Array(result.buffer);
}
