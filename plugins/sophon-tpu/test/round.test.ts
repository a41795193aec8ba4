import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { oneDecimal, roundHalfEven } from '../src/round.ts';

/** Rounds numerator / denominator half to even without floating point. */
function exactly(numerator: bigint, denominator: bigint): bigint {
  const floor = numerator / denominator - (numerator % denominator < 0n ? 1n : 0n);
  const twice = 2n * (numerator - floor * denominator);
  if (twice !== denominator) return twice < denominator ? floor : floor + 1n;
  return floor % 2n === 0n ? floor : floor + 1n;
}

describe('rounding half to even', () => {
  it.each([
    [0.5, 0],
    [1.5, 2],
    [2.5, 2],
    [-0.5, -0],
    [-1.5, -2],
    [0.49999999999999994, 0],
    [2251799813685249.5, 2251799813685250],
  ])('%d becomes %d', (value, rounded) => {
    expect(roundHalfEven(value)).toBeCloseTo(rounded, 10);
  });

  it('agrees with integer arithmetic for every fraction that a float holds exactly', () => {
    const sixteenths = fc.bigInt({ min: -(2n ** 40n), max: 2n ** 40n });
    fc.assert(
      fc.property(sixteenths, (numerator) => {
        expect(BigInt(roundHalfEven(Number(numerator) / 16))).toBe(exactly(numerator, 16n));
      }),
    );
  });
});

describe('one digit after the point', () => {
  it.each([
    [0, '0.0'],
    [0.25, '0.2'],
    [0.75, '0.8'],
    [1.25, '1.2'],
    [0.35, '0.3'],
    [2.5, '2.5'],
    [10, '10.0'],
    [9.95, '9.9'],
  ])('%d is written %s, as Python does', (value, text) => {
    expect(oneDecimal(value)).toBe(text);
  });

  it('agrees with integer arithmetic', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 24 }), (quarters256) => {
        const tenths = exactly(BigInt(quarters256) * 10n, 256n);
        expect(oneDecimal(quarters256 / 256)).toBe(`${tenths / 10n}.${tenths % 10n}`);
      }),
    );
  });
});
