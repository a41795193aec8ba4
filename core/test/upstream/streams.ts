import fc from 'fast-check';

/** Bytes together with one way to cut them. */
export function cutBytes(bytes: fc.Arbitrary<Buffer>): fc.Arbitrary<{ bytes: Buffer; pieces: readonly Buffer[] }> {
  return bytes.chain((whole) => {
    // Byte by byte, unless that is more pieces than a test has time for.
    const size = Math.ceil(whole.length / 5_000);
    const count = Math.ceil(whole.length / Math.max(size, 1));
    const single = fc.constant(Array.from({ length: count }, (_, at) => whole.subarray(at * size, (at + 1) * size)));
    const anywhere = fc.array(fc.nat({ max: whole.length }), { maxLength: 12 }).map((places) => {
      const borders = [0, ...places.toSorted((a, b) => a - b), whole.length];
      return borders.slice(1).map((end, index) => whole.subarray(borders[index], end));
    });
    return fc.oneof(single, fc.constant([whole]), anywhere).map((pieces) => ({ bytes: whole, pieces }));
  });
}

const words = fc.constantFrom(
  'a',
  '你好',
  '😀',
  '[DONE]',
  'data: [DONE]',
  '\n\n',
  '"error"',
  '{"error":{}}',
  'x'.repeat(70_000),
);

/** What a model may write, with all that looks like the framing around it. */
export const content: fc.Arbitrary<string> = fc.array(words, { maxLength: 4 }).map((parts) => parts.join(''));

const delta = content.map((text) => `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: text } }] })}`);
const noise = fc.constantFrom(': ping', ': data: [DONE]', 'event: message\nid: 1\ndata: {}', 'retry: 10');

/** Events without their end, in lines that all end alike. */
export const openStream: fc.Arbitrary<string> = fc
  .tuple(fc.array(fc.oneof({ weight: 3, arbitrary: delta }, noise), { maxLength: 6 }), fc.constantFrom('\n', '\r\n'))
  .map(([events, line]) => events.map((event) => `${event}\n\n`.replaceAll('\n', line)).join(''));
