import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scan, stringAt, trueAt } from '../../src/openai/scan.ts';
import { Failure } from '../../src/sdk/index.ts';

/** JSON as somebody may write it: any string as escapes, space anywhere between. */
const spaces = fc.constantFrom('', ' ', '\n', '\t\r\n ');
const strings = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('', '"', '\\', '\\"', '{', '}', '[,]', 'model', '你好', '😀', '\u2028', '\\\\"'),
);
const written = strings.chain((text) =>
  fc.constantFrom(
    JSON.stringify(text),
    `"${Array.from({ length: text.length }, (_, i) => `\\u${text.charCodeAt(i).toString(16).padStart(4, '0')}`).join('')}"`,
  ),
);
/** V8 13.6 misreads an escaped key of an object where an object before it had a single backslash for a key. */
const keys = written.filter((text) => JSON.parse(text) !== '\\');
const { value: anyValue } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom('true', 'false', 'null', '0', '-1.5e+9'),
    written,
    fc
      .tuple(spaces, fc.array(tie('value'), { maxLength: 3 }))
      .map(([gap, all]) => `[${gap}${all.join(`${gap},`)}${gap}]`),
    fc
      .tuple(spaces, fc.array(fc.tuple(keys, tie('value')), { maxLength: 3 }))
      .map(([gap, all]) => `{${gap}${all.map(([key, value]) => `${key}${gap}:${gap}${value}`).join(`,${gap}`)}}`),
  ),
})) as { value: fc.Arbitrary<string> };
const objects = fc
  .tuple(spaces, fc.array(fc.tuple(keys, anyValue), { maxLength: 5 }))
  .map(
    ([gap, all]) =>
      `${gap}{${gap}${all.map(([key, value]) => `${key}${gap}:${gap}${value}${gap}`).join(`,${gap}`)}}${gap}`,
  );

const keysOf = (text: string): readonly string[] =>
  Array.from(text.matchAll(/"((?:[^"\\]|\\.)*)"/g), ([quoted]) => JSON.parse(quoted) as string);

describe('scanning a body', () => {
  it('finds the members that a parser finds, and their values', () => {
    fc.assert(
      fc.property(objects, (text) => {
        const bytes = Buffer.from(text);
        const parsed = JSON.parse(bytes.toString()) as Record<string, unknown>;
        let found: ReturnType<typeof scan>;
        try {
          found = scan(bytes);
        } catch (thrown) {
          // The only objects that it refuses have some name twice.
          expect((thrown as Failure).message).toMatch(/twice/);
          const keys = keysOf(text);
          expect(new Set(keys).size).toBeLessThan(keys.length);
          return;
        }
        expect([...found.members.keys()].sort()).toEqual(Object.keys(parsed).sort());
        for (const [name, span] of found.members) {
          const value = JSON.parse(bytes.toString('utf8', span.start, span.end));
          expect(value).toEqual(Object.getOwnPropertyDescriptor(parsed, name)?.value);
          expect(stringAt(bytes, span)).toBe(typeof value === 'string' ? value : undefined);
          expect(trueAt(bytes, span)).toBe(value === true);
        }
        expect(bytes[found.inside - 1]).toBe(0x7b);
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ['{"model":"a","model":"b"}', 'as it is'],
    ['{"model":"a","\\u006dodel":"b"}', 'as an escape'],
  ])('refuses a member that comes twice: %s (%s)', (text) => {
    expect(() => scan(Buffer.from(text))).toThrow(expect.objectContaining({ code: 'invalid_request', param: 'model' }));
  });

  it('never throws anything but a refusal, whatever the bytes are', () => {
    const noise = fc.oneof(
      fc.uint8Array().map((bytes) => Buffer.from(bytes)),
      fc
        .array(fc.constantFrom('{', '}', '[', ']', '"', '\\', ':', ',', 'a', '1', ' ', 'true'))
        .map((all) => Buffer.from(all.join(''))),
      fc.tuple(objects, fc.nat()).map(([text, at]) => Buffer.from(text).subarray(0, at % (text.length + 1))),
    );
    fc.assert(
      fc.property(noise, (bytes) => {
        try {
          scan(bytes);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(Failure);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('refuses a body that is cut anywhere', () => {
    const bytes = Buffer.from('{"model": "m", "messages": [{"content": "\\"}"}], "n": 1}');
    for (let at = 0; at < bytes.length; at++) expect(() => scan(bytes.subarray(0, at)), String(at)).toThrow(Failure);
  });
});
