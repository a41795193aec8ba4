import fc from 'fast-check';

/** A text made of the pieces that parsers stumble over, and of ordinary words around them. */
export function textOf(...fragments: readonly string[]): fc.Arbitrary<string> {
  const words = fc.constantFrom(...fragments, 'a', ' ', '\n', '<', '你好', '世界。', '😀', '👩‍💻', 'é', '�');
  return fc.array(words, { maxLength: 14 }).map((parts) => parts.join(''));
}

/** Ways to cut a text into pieces: whole, every single character, and anywhere; some pieces are empty. */
export function cutsOf(text: string): fc.Arbitrary<readonly string[]> {
  const characters = Array.from(text);
  const anywhere = fc.array(fc.nat({ max: characters.length }), { maxLength: 8 }).map((places) => {
    const borders = [0, ...places.toSorted((a, b) => a - b), characters.length];
    return borders.slice(1).map((end, index) => characters.slice(borders[index], end).join(''));
  });
  return fc.oneof(fc.constant(characters), fc.constant([text]), anywhere);
}

/** A text together with one way to cut it. */
export function cutText(text: fc.Arbitrary<string>): fc.Arbitrary<{ text: string; pieces: readonly string[] }> {
  return text.chain((whole) => cutsOf(whole).map((pieces) => ({ text: whole, pieces })));
}
