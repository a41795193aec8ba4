import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readDataUrl } from '../src/data.ts';
import { Rejection } from '../src/rejection.ts';

const percent = (bytes: Buffer): string => bytes.toString('hex').replace(/../g, '%$&');
const lines = (text: string): string => text.replace(/.{1,7}/g, '$&\r\n');

const spellings: readonly (readonly [string, (bytes: Buffer) => string])[] = [
  ['base64', (bytes) => `data:image/png;base64,${bytes.toString('base64')}`],
  ['base64 without a type', (bytes) => `data:;base64,${bytes.toString('base64')}`],
  ['base64 of a type with parameters', (bytes) => `data:image/png;x=1;BASE64,${bytes.toString('base64')}`],
  ['base64 without padding', (bytes) => `data:image/png;base64,${bytes.toString('base64').replace(/=+$/, '')}`],
  ['base64 in lines', (bytes) => `data:image/png;base64,${lines(bytes.toString('base64'))}`],
  ['base64 for URLs', (bytes) => `data:image/png;base64,${bytes.toString('base64url')}`],
  ['base64, its signs encoded', (bytes) => `data:image/png;base64,${encodeURIComponent(bytes.toString('base64'))}`],
  ['percent signs', (bytes) => `data:image/png,${percent(bytes)}`],
];

describe('a data: URL', () => {
  test.each(spellings)('in %s holds the bytes that were put into it', (_name, spell) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (array) => {
        const bytes = Buffer.from(array);
        expect(readDataUrl(spell(bytes), 200)).toEqual(bytes);
      }),
    );
  });

  test.each(spellings)('in %s is refused when it holds one byte too many', (_name, spell) => {
    const whole = spell(Buffer.alloc(201, 'x'));
    expect(() => readDataUrl(whole, 200)).toThrow('larger than this server loads (200 bytes)');
    expect(readDataUrl(whole, 201)).toHaveLength(201);
  });

  test('of any text at all is read or refused in a sentence', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 100 }), fc.boolean(), (text, base64) => {
        try {
          expect(readDataUrl(`data:${base64 ? ';base64' : ''},${text}`, 50).length).toBeLessThanOrEqual(50);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(Rejection);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
