import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JsonEnd } from '../../src/text/index.ts';
import { cutsOf } from './cuts.ts';

/** Where the value ends in the whole text, or -1. */
function endOf(pieces: readonly string[]): number {
  const json = new JsonEnd();
  let before = 0;
  for (const piece of pieces) {
    const length = json.push(piece);
    if (length >= 0) return before + length;
    before += piece.length;
  }
  return -1;
}

describe('the end of a JSON value', () => {
  it.each([
    ['{"a": [1, {"b": "}]"}]} and more', 23],
    [' \n{} {}', 4],
    ['"a\\"b" c', 6],
    ['12.5e+3 ', 7],
    ['true,', 4],
    ['[]]', 2],
    ['{"a": "<b>"}<', 12],
  ])('of %j is at %i', (text, end) => {
    expect(endOf([text])).toBe(end);
    expect(endOf([...text])).toBe(end);
  });

  it.each(['', '{', '{"a": "}', '[1, 2', '"a\\"', '12', 'tru'])('%j is still open', (text) => {
    expect(endOf([text])).toBe(-1);
  });

  it('a character that JSON has only in strings ends it and is told', () => {
    const json = new JsonEnd();
    expect(json.push('{"a": 1</tool_call>')).toBe(7);
    expect(json.broken).toBe(true);
  });

  it('nothing belongs to a value that is closed', () => {
    const json = new JsonEnd();
    expect(json.push('{}')).toBe(2);
    expect(json.push('{}')).toBe(0);
  });

  it('any object is found whole, however it is cut and whatever follows', () => {
    const object = fc.oneof(fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue()), fc.array(fc.jsonValue()));
    const cut = fc
      .tuple(object, fc.nat({ max: 2 }), fc.constantFrom('', '}', ' {"x": 1}', '你好', '"', ','))
      .chain(([value, indent, after]) => {
        const text = JSON.stringify(value, null, indent);
        return cutsOf(text + after).map((pieces) => ({ text, pieces }));
      });
    fc.assert(
      fc.property(cut, ({ text, pieces }) => {
        expect(endOf(pieces)).toBe(text.length);
      }),
    );
  });
});
