/** More of an event than this is not held back: it passes as it comes. Bytes. */
const holdLimit = 64 * 1024;

const lf = 0x0a;
const cr = 0x0d;

/**
 * Watches a stream of server-sent events on its way: lets out whole events only, so that what breaks off breaks between
 * two of them, and knows at the end whether the stream said that it was over.
 */
export class StreamGuard {
  #held: Buffer | undefined;
  /** In the middle of an event that is too long to be held. */
  #loose = false;
  #done = false;

  /** The upstream said that the answer is whole. */
  get done(): boolean {
    return this.#done;
  }

  /** What may be written now; undefined: nothing yet. */
  push(chunk: Buffer): Buffer | undefined {
    const bytes = this.#held ? Buffer.concat([this.#held, chunk]) : chunk;
    this.#held = undefined;
    const end = endsEvent(bytes) ? bytes.length : lastBoundary(bytes);
    if (end === bytes.length) {
      this.#loose = false;
      return this.#out(bytes);
    }
    if (bytes.length - end > holdLimit || (this.#loose && end === 0)) {
      this.#loose = true;
      return this.#out(bytes);
    }
    if (end > 0) this.#loose = false;
    this.#held = bytes.subarray(end);
    return end > 0 ? this.#out(bytes.subarray(0, end)) : undefined;
  }

  /**
   * What is left at the end of the stream: a last event whose blank line is missing, if it is a whole one. After a cut in
   * a long event, the line break that keeps an error event apart from it.
   */
  rest(): Buffer | undefined {
    const held = this.#held;
    this.#held = undefined;
    if (held && terminated(held, held.length)) {
      this.#done = true;
      return Buffer.concat([held, Buffer.from('\n\n')]);
    }
    return this.#loose ? Buffer.from('\n\n') : undefined;
  }

  #out(bytes: Buffer): Buffer {
    if (!this.#done) this.#done = ends(bytes);
    return bytes;
  }
}

function endsEvent(bytes: Buffer): boolean {
  const { length } = bytes;
  if (bytes[length - 1] !== lf) return false;
  return bytes[length - 2] === lf || (bytes[length - 2] === cr && bytes[length - 3] === lf);
}

/** After the last blank line; 0 when there is none. */
function lastBoundary(bytes: Buffer): number {
  const plain = bytes.lastIndexOf('\n\n');
  const carriage = bytes.lastIndexOf('\r\n\r\n');
  return Math.max(plain === -1 ? 0 : plain + 2, carriage === -1 ? 0 : carriage + 4);
}

/** Whether these events hold the one that ends an answer. */
function ends(bytes: Buffer): boolean {
  const at = bytes.lastIndexOf('[DONE]');
  if (at !== -1 && terminated(bytes, at + 6)) return true;
  // OpenAI's Responses API has no [DONE]: its last event is one of these.
  const event = bytes.lastIndexOf('event: response.');
  if (event === -1 || (event > 0 && bytes[event - 1] !== lf)) return false;
  return /^event: response\.(?:completed|failed|incomplete)\r?\n/.test(bytes.toString('latin1', event, event + 40));
}

/** Whether `data: [DONE]` ends at `end` and fills its line. */
function terminated(bytes: Buffer, end: number): boolean {
  const line = bytes.toString('latin1', Math.max(0, end - 14), end + 1);
  return (
    /(?:^|\n)data: ?\[DONE\][\r\n]?$/.test(line.trimEnd()) &&
    (bytes[end] === undefined || bytes[end] === lf || bytes[end] === cr)
  );
}
