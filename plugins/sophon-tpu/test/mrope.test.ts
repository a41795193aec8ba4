import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mropePositions, type VisionSpan } from '../src/mrope.ts';

/** A walk token by token: what transformers' get_rope_index does with lists. */
function walk(length: number, spans: readonly VisionSpan[], base: number): { rows: number[][]; next: number } {
  const rows: number[][] = [[], [], []];
  let next = base;
  for (let at = 0; at < length; ) {
    const span = spans.find(({ start }) => start === at);
    const tokens = span ? span.rows * span.columns : 1;
    for (let index = 0; index < tokens; index++) {
      rows[0]?.push(next);
      rows[1]?.push(next + (span ? Math.floor(index / span.columns) : 0));
      rows[2]?.push(next + (span ? index % span.columns : 0));
    }
    next = Math.max(...rows.map((row) => Math.max(...row.slice(-tokens)))) + 1;
    at += tokens;
  }
  return { rows, next };
}

const side = fc.integer({ min: 1, max: 5 });
const gap = fc.integer({ min: 0, max: 4 });
const prompts = fc
  .tuple(fc.array(fc.tuple(gap, side, side), { maxLength: 4 }), gap, fc.nat(50))
  .map(([parts, tail, base]) => {
    let length = 0;
    const spans = parts.map(([text, rows, columns]) => {
      const start = length + text;
      length = start + rows * columns;
      return { start, rows, columns };
    });
    return { spans, length: length + tail, base };
  });

describe('position ids', () => {
  it('are those of a walk over the tokens, for any order of texts and pictures', () => {
    fc.assert(
      fc.property(prompts, ({ spans, length, base }) => {
        const { ids, next } = mropePositions(length, spans, base);
        const expected = walk(length, spans, base);
        expect([...ids]).toEqual(expected.rows.flat());
        expect(next).toBe(expected.next);
      }),
    );
  });

  it('go on where an earlier turn ended', () => {
    const { ids, next } = mropePositions(2, [], 40);
    expect([...ids]).toEqual([40, 41, 40, 41, 40, 41]);
    expect(next).toBe(42);
  });
});
