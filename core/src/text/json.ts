const quote = 0x22;
const backslash = 0x5c;

/**
 * Tells where the first JSON value of a text ends, so that a caller can stop a model that would go on after it.
 * Follows brackets and strings only; it does not check the grammar, except that a character which no JSON has outside a
 * string ends the value too and sets `broken`.
 */
export class JsonEnd {
  #depth = 0;
  #inString = false;
  #escaped = false;
  /** In a number or a bare word. */
  #inWord = false;
  #closed = false;
  #broken = false;

  get closed(): boolean {
    return this.#closed;
  }

  /** The value ended at a character that cannot be JSON. */
  get broken(): boolean {
    return this.#broken;
  }

  /**
   * The length of the part of this piece that belongs to the value (whitespace before it included), or -1 while it is
   * open. A number or bare word at the top closes at the delimiter that follows it, which is not part of it. 0 once closed.
   */
  push(text: string): number {
    if (this.#closed) return 0;
    for (let at = 0; at < text.length; at += 1) {
      const unit = text.charCodeAt(at);
      if (this.#inString) {
        if (this.#escaped) this.#escaped = false;
        else if (unit === backslash) this.#escaped = true;
        else if (unit === quote) {
          this.#inString = false;
          if (this.#depth === 0) return this.#close(at + 1);
        }
        continue;
      }
      if (isWord(unit)) {
        this.#inWord = true;
        continue;
      }
      if (this.#inWord && this.#depth === 0) return this.#close(at);
      this.#inWord = false;
      switch (unit) {
        case quote:
          this.#inString = true;
          break;
        case 0x7b: // {
        case 0x5b: // [
          this.#depth += 1;
          break;
        case 0x7d: // }
        case 0x5d: // ]
          if (this.#depth === 0) return this.#close(at);
          this.#depth -= 1;
          if (this.#depth === 0) return this.#close(at + 1);
          break;
        case 0x2c: // ,
        case 0x3a: // :
          if (this.#depth === 0) return this.#close(at);
          break;
        case 0x20:
        case 0x09:
        case 0x0a:
        case 0x0d:
          break;
        default:
          this.#broken = true;
          return this.#close(at);
      }
    }
    return -1;
  }

  #close(length: number): number {
    this.#closed = true;
    return length;
  }
}

/** Letters, digits, sign and point: numbers, true, false, null, and what models write in their place (NaN, None). */
function isWord(unit: number): boolean {
  return (
    (unit >= 0x61 && unit <= 0x7a) ||
    (unit >= 0x30 && unit <= 0x39) ||
    (unit >= 0x41 && unit <= 0x5a) ||
    unit === 0x2b ||
    unit === 0x2d ||
    unit === 0x2e
  );
}
