import { checkRgb, type RgbImage, type Size } from './rgb.ts';

/**
 * Pillow's `Image.resize(size, BICUBIC)`, bit for bit (Pillow up to 12): Keys' cubic with a = -0.5, widened when
 * shrinking, coefficients in 22-bit fixed point, first along rows, rounded to bytes, then along columns.
 * The picture itself is returned where the size is the same.
 */
export function resizeBicubic(image: RgbImage, size: Size): RgbImage {
  checkRgb(image);
  let { data } = image;
  if (size.width !== image.width) data = alongRows(data, image, size.width);
  if (size.height !== image.height) data = alongColumns(data, size.width * 3, image.height, size.height);
  return { ...size, data };
}

const precision = 22;
const half = 1 << (precision - 1);
/** How far the cubic reaches, in source pixels of an enlarged picture. */
const reach = 2;

/** For each output pixel: the first source pixel, how many, and their coefficients in `taps` from index * most. */
interface Kernel {
  readonly most: number;
  readonly first: Int32Array;
  readonly count: Int32Array;
  /** Fixed point, 22 bits after the point. */
  readonly taps: Int32Array;
}

function kernel(from: number, to: number): Kernel {
  const scale = from / to;
  const widening = Math.max(scale, 1);
  const support = reach * widening;
  const most = Math.ceil(support) * 2 + 1;
  const result = { most, first: new Int32Array(to), count: new Int32Array(to), taps: new Int32Array(to * most) };
  const weights = new Float64Array(most);
  for (let out = 0; out < to; out++) {
    const centre = (out + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const count = Math.min(from, Math.trunc(centre + support + 0.5)) - first;
    let sum = 0;
    for (let tap = 0; tap < count; tap++) {
      const weight = cubic((tap + first - centre + 0.5) * (1 / widening));
      weights[tap] = weight;
      sum += weight;
    }
    for (let tap = 0; tap < count; tap++) {
      const exact = ((weights[tap] as number) / sum) * (1 << precision);
      result.taps[out * most + tap] = Math.trunc(exact + (exact < 0 ? -0.5 : 0.5));
    }
    result.first[out] = first;
    result.count[out] = count;
  }
  return result;
}

function cubic(at: number): number {
  const x = Math.abs(at);
  const a = -0.5;
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

function alongRows(source: Uint8Array, { width, height }: Size, to: number): Uint8Array {
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

function alongColumns(source: Uint8Array, stride: number, height: number, to: number): Uint8Array {
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
