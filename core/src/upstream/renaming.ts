/**
 * Puts the model's name here in place of its name there, in the bytes of a reply. Inside a JSON string the quotes of this
 * pattern would be escaped, so it matches a member of an object only.
 */
export class Renaming {
  readonly #patterns: readonly { readonly from: Buffer; readonly to: Buffer }[];

  constructor(there: string, here: string) {
    const names = new Set([JSON.stringify(there), ascii(there)]);
    this.#patterns = [...names].flatMap((name) =>
      ['"model":', '"model": '].map((key) => ({
        from: Buffer.from(key + name),
        to: Buffer.from(key + JSON.stringify(here)),
      })),
    );
  }

  apply(bytes: Buffer): Buffer {
    for (const { from, to } of this.#patterns) {
      let at = bytes.indexOf(from);
      if (at === -1) continue;
      const pieces: Buffer[] = [];
      let begin = 0;
      for (; at !== -1; at = bytes.indexOf(from, begin)) {
        pieces.push(bytes.subarray(begin, at), to);
        begin = at + from.length;
      }
      pieces.push(bytes.subarray(begin));
      return Buffer.concat(pieces);
    }
    return bytes;
  }
}

/** As servers write JSON that keep to ASCII: Python's default. */
function ascii(name: string): string {
  return JSON.stringify(name).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
