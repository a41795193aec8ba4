/** More of an event than this is not held back: it passes as it comes. Bytes. */
const holdLimit = 64 * 1024;

const lf = 0x0a;
const cr = 0x0d;
const brace = 0x7b;
// Bytes and not strings: those are made into bytes anew at every search.
/** The end of `"error"`: a search stops at every byte that is its first, and an event is full of quotes. */
const errorMember = Buffer.from('rror"');
const doneMark = Buffer.from('[DONE]');
const responseEvent = Buffer.from('event: response.');

/**
 * Watches a stream of server-sent events on its way: lets out whole events only, so that what breaks off breaks between
 * two of them, and knows at the end whether the stream said that it was over, or that it failed.
 */
export class StreamGuard {
  #held: Buffer | undefined;
  /** In the middle of an event that is too long to be held. */
  #loose = false;
  #done = false;
  #complaint: unknown;

  /** The upstream said that the answer is whole. */
  get done(): boolean {
    return this.#done;
  }

  /** The upstream said that it failed: the `error` of its event, which was not let out. Nothing is let out after it. */
  get complaint(): unknown {
    return this.#complaint;
  }

  /** What may be written now; undefined: nothing yet. */
  push(chunk: Buffer): Buffer | undefined {
    // A piece of nothing says nothing about where an event ends.
    if (this.#complaint !== undefined || chunk.length === 0) return undefined;
    const bytes = this.#held ? Buffer.concat([this.#held, chunk]) : chunk;
    this.#held = undefined;
    const end = endsEvent(bytes) ? bytes.length : lastBoundary(bytes);
    // Whether these bytes begin an event.
    const first = !this.#loose;
    this.#loose = bytes.length - end > (this.#loose && end === 0 ? 0 : holdLimit);
    const cut = this.#loose ? textEnd(bytes) : end;
    if (cut === bytes.length) return this.#out(bytes, first);
    this.#held = bytes.subarray(cut);
    return cut > 0 ? this.#out(bytes.subarray(0, cut), first) : undefined;
  }

  /**
   * What is left at the end of the stream: a last event whose blank line is missing, if it is a whole one. After a cut in
   * a long event, the line break that keeps an error event apart from it.
   */
  rest(): Buffer | undefined {
    const held = this.#held;
    this.#held = undefined;
    if (this.#complaint !== undefined) return undefined;
    if (this.#done) return held;
    if (held && !this.#loose && saysDone(held, true)) {
      this.#done = true;
      return Buffer.concat([held, Buffer.from(held[held.length - 1] === lf ? '\n' : '\n\n')]);
    }
    return this.#loose ? Buffer.from('\n\n') : undefined;
  }

  /** `first`: whether the bytes begin an event. */
  #out(bytes: Buffer, first: boolean): Buffer | undefined {
    if (this.#done) return bytes;
    const at = bytes.indexOf(errorMember);
    // One token as most servers send it, `data: {…}` on one line: nothing in it says that all is over.
    if (at === -1 && first && bytes[6] === brace && bytes.indexOf(lf) === bytes.length - 2) return bytes;
    const sound = at === -1 ? bytes : this.#before(bytes, at);
    this.#done = saysDone(sound, first) || saysCompleted(sound, first);
    return sound.length > 0 ? sound : undefined;
  }

  /** The events before one that says that the upstream failed; all of them when none does. */
  #before(bytes: Buffer, from: number): Buffer {
    for (let at = from; at !== -1; at = bytes.indexOf(errorMember, at + 1)) {
      const begin = lastBoundary(bytes.subarray(0, at));
      const line = bytes.lastIndexOf(lf, at) + 1;
      const end = bytes.indexOf(lf, at);
      this.#complaint = complaintOf(bytes.toString('utf8', line, end === -1 ? bytes.length : end));
      // What was said to be over before it is over.
      if (this.#complaint !== undefined && saysDone(bytes.subarray(0, begin), true)) this.#complaint = undefined;
      if (this.#complaint !== undefined) return bytes.subarray(0, begin);
    }
    return bytes;
  }
}

/** The error that a line of an event reports; undefined: it reports none. */
function complaintOf(line: string): unknown {
  if (!line.startsWith('data:')) return undefined;
  try {
    const { error, type, message } = JSON.parse(line.slice(5)) as Record<string, unknown>;
    // OpenAI's Responses API names the event's type in it.
    return error || (type === 'error' ? { message } : undefined);
  } catch {
    return undefined;
  }
}

function endsEvent(bytes: Buffer): boolean {
  const { length } = bytes;
  if (bytes[length - 1] !== lf) return false;
  return bytes[length - 2] === lf || (bytes[length - 2] === cr && bytes[length - 3] === lf);
}

/** Before the line breaks at the end, which may be half of a blank line. */
function textEnd(bytes: Buffer): number {
  let end = bytes.length;
  while (end > 0 && (bytes[end - 1] === lf || bytes[end - 1] === cr)) end--;
  return end;
}

/** After the last blank line; 0 when there is none. */
function lastBoundary(bytes: Buffer): number {
  const plain = bytes.lastIndexOf('\n\n');
  const carriage = bytes.lastIndexOf('\n\r\n');
  return Math.max(plain === -1 ? 0 : plain + 2, carriage === -1 ? 0 : carriage + 3);
}

/** Whether one of these lines is `data: [DONE]`. `first`: whether the first of them begins here. */
function saysDone(bytes: Buffer, first: boolean): boolean {
  for (let at = bytes.lastIndexOf(doneMark); at !== -1; at = at === 0 ? -1 : bytes.lastIndexOf(doneMark, at - 1)) {
    const after = bytes[at + 6];
    if (after !== undefined && after !== lf && after !== cr) continue;
    const begin = bytes[at - 1] === 0x20 ? at - 6 : at - 5;
    if (begin < 0 || bytes.toString('latin1', begin, begin + 5) !== 'data:') continue;
    if (begin === 0 ? first : bytes[begin - 1] === lf) return true;
  }
  return false;
}

/** OpenAI's Responses API has no [DONE]: its last event is one of these. */
function saysCompleted(bytes: Buffer, first: boolean): boolean {
  const at = bytes.lastIndexOf(responseEvent);
  if (at === -1 || (at === 0 ? !first : bytes[at - 1] !== lf)) return false;
  return /^event: response\.(?:completed|failed|incomplete)\r?\n/.test(bytes.toString('latin1', at, at + 40));
}
