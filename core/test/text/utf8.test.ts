import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TokenText } from '../../src/text/index.ts';

/** A byte-level vocabulary: a token id stands for some bytes, and text is decoded as engines do it. */
function vocabulary(...tokens: readonly (readonly number[])[]): (ids: readonly number[]) => string {
  return (ids) =>
    new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(ids.flatMap((id) => tokens[id] ?? [])));
}

const bytesOf = (text: string): number[] => [...new TextEncoder().encode(text)];

/** Every byte a token of its own, as the rarest characters are written. */
const bytes = vocabulary(...Array.from({ length: 256 }, (_, byte) => [byte]));

describe('tokens become whole characters', () => {
  it('a Chinese character that comes in three tokens comes out with the third', () => {
    const text = new TokenText(bytes);
    expect(bytesOf('你').map((token) => text.push(token))).toEqual([
      { text: '', tokens: 0 },
      { text: '', tokens: 0 },
      { text: '你', tokens: 3 },
    ]);
  });

  it('text that is whole is never held', () => {
    const text = new TokenText(bytes);
    expect(bytesOf('ok').map((token) => text.push(token).text)).toEqual(['o', 'k']);
  });

  it('a token that ends one character and begins the next lets the first out', () => {
    const [n0, n1, n2, h0, h1, h2] = bytesOf('你好') as [number, number, number, number, number, number];
    const text = new TokenText(vocabulary([n0, n1], [n2, h0], [h1, h2]));
    expect([0, 1, 2].map((token) => text.push(token))).toEqual([
      { text: '', tokens: 0 },
      { text: '你', tokens: 1 },
      { text: '好', tokens: 2 },
    ]);
  });

  it('a character that stays unfinished is flushed as the engine writes it', () => {
    const text = new TokenText(bytes);
    text.push(0xe4);
    expect(text.flush()).toEqual({ text: '\uFFFD', tokens: 1 });
    expect(text.flush()).toEqual({ text: '', tokens: 0 });
  });

  it('a U+FFFD that the model means comes out with the next character', () => {
    const text = new TokenText(vocabulary(bytesOf('\uFFFD'), bytesOf('a')));
    text.push(0);
    expect(text.push(1)).toEqual({ text: '\uFFFDa', tokens: 2 });
  });

  it('a model that writes nothing but U+FFFD is not held for ever', () => {
    const text = new TokenText(vocabulary(bytesOf('\uFFFD')));
    const released = Array.from({ length: 8 }, () => text.push(0));
    expect(released.map(({ tokens }) => tokens)).toEqual([0, 0, 0, 4, 0, 0, 0, 4]);
    expect(released.map((piece) => piece.text).join('')).toBe('\uFFFD'.repeat(8));
  });

  it('any text in any tokens comes out the same, in whole characters, with every token counted', () => {
    const piece = fc.array(fc.constantFrom('a', ' ', '你好', '世界', '😀', '👩‍💻', 'é', '\u0000'), { maxLength: 12 });
    fc.assert(
      fc.property(piece, fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 48, maxLength: 48 }), (parts, sizes) => {
        const whole = parts.join('');
        const all = bytesOf(whole);
        const tokens: number[][] = [];
        for (let at = 0, next = 0; at < all.length; next += 1) {
          const size = sizes[next % sizes.length] ?? 1;
          tokens.push(all.slice(at, at + size));
          at += size;
        }
        const text = new TokenText(vocabulary(...tokens));
        const released = [...tokens.keys()].map((token) => text.push(token));
        released.push(text.flush());
        expect(released.map((one) => one.text).join('')).toBe(whole);
        expect(released.every((one) => !one.text.includes('\uFFFD'))).toBe(true);
        expect(released.reduce((sum, one) => sum + one.tokens, 0)).toBe(tokens.length);
      }),
    );
  });
});
