/** Which source pixels, and how much of each, make the pixels of a resized row (or column). */
export interface Kernel {
  /** Source pixels of one target pixel at most. */
  readonly most: number;
  /** Per target pixel: the first source pixel. */
  readonly first: Int32Array;
  /** Per target pixel: how many source pixels. */
  readonly count: Int32Array;
  /** [target pixels, most]: coefficients in fixed point, 0 beyond `count`; those of a pixel sum to about 1 << 22. */
  readonly taps: Int32Array;
}

/** Bits after the point. */
export const precision = 22;
/** How far the cubic reaches, in source pixels where nothing is shrunk. */
const reach = 2;

/** Pillow's `precompute_coeffs` and `normalize_coeffs_8bpc` for its bicubic filter: `from` pixels become `to`. */
export function kernel(from: number, to: number): Kernel {
  const scale = from / to;
  // Shrinking widens the filter, so that no source pixel is left out.
  const widening = Math.max(scale, 1);
  const support = reach * widening;
  const most = Math.min(from, Math.ceil(support) * 2 + 1);
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

/** Keys' cubic with a = -0.5. */
function cubic(at: number): number {
  const x = Math.abs(at);
  const a = -0.5;
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}
