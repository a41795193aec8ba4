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
    let renamed = bytes;
    for (const { from, to } of this.#patterns) {
      let at = renamed.indexOf(from);
      if (at === -1) continue;
      const pieces: Buffer[] = [];
      let begin = 0;
      for (; at !== -1; at = renamed.indexOf(from, begin)) {
        pieces.push(renamed.subarray(begin, at), to);
        begin = at + from.length;
      }
      pieces.push(renamed.subarray(begin));
      renamed = Buffer.concat(pieces);
    }
    return renamed;
  }

  /** How many bytes at the end may be the beginning of what is looked for. */
  begun(bytes: Buffer): number {
    // Where whole events or lines end nothing has begun.
    if (bytes[bytes.length - 1] === 0x0a) return 0;
    let longest = 0;
    for (const { from } of this.#patterns) {
      // The quote that ends a name is none that begins one.
      const whole = bytes.length >= from.length && from.compare(bytes, bytes.length - from.length) === 0;
      if (whole) return 0;
      for (let length = Math.min(from.length - 1, bytes.length); length > longest; length--) {
        if (from.compare(bytes, bytes.length - length, bytes.length, 0, length) === 0) longest = length;
      }
    }
    return longest;
  }
}

/** Renames in the pieces of one reply, wherever they are cut. */
export class RenamingStream {
  readonly #renaming: Renaming;
  #begun: Buffer | undefined;

  constructor(renaming: Renaming) {
    this.#renaming = renaming;
  }

  push(piece: Buffer): Buffer {
    const bytes = this.#begun ? Buffer.concat([this.#begun, piece]) : piece;
    const begun = this.#renaming.begun(bytes);
    this.#begun = begun > 0 ? bytes.subarray(bytes.length - begun) : undefined;
    return this.#renaming.apply(begun > 0 ? bytes.subarray(0, bytes.length - begun) : bytes);
  }

  end(): Buffer | undefined {
    const begun = this.#begun;
    this.#begun = undefined;
    return begun;
  }
}

/** As servers write JSON that keep to ASCII: Python's default. */
function ascii(name: string): string {
  return JSON.stringify(name).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
