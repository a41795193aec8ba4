import { type ReplyHead, readHead } from './reply-head.ts';
import { WireError } from './wire-error.ts';

/** A head, or a trailer, of more is not read: what Node allows too. Bytes. */
const headLimit = 16 * 1024;
/** A line with a chunk's size and whatever extensions. Bytes. */
const lineLimit = 4 * 1024;

const headEnd = Buffer.from('\r\n\r\n');
const begin = Buffer.from('HTTP/1.');
const cr = 0x0d;
const lf = 0x0a;

type Expected = 'head' | 'sized' | 'size' | 'chunk' | 'chunk end' | 'trailer' | 'anything' | 'nothing';

/**
 * Reads one reply after the other off a connection (RFC 9112), however its bytes are cut. Strict: where two programs could
 * disagree about where a reply ends, it is refused, since what follows would be taken for the answer to somebody else.
 */
export class ReplyParser {
  #expected: Expected = 'head';
  /** Bytes of the body, or of the chunk, that are still to come. */
  #left = 0;
  /** The beginning of what can only be read whole. */
  #rest: Buffer | undefined;
  #trailer = 0;
  #head: ReplyHead | undefined;
  #reusable = false;
  #fault: WireError | undefined;

  /** Undefined until it is there whole. */
  get head(): ReplyHead | undefined {
    return this.#head;
  }

  /** Why nothing more can be read; what was in order before that was returned. */
  get fault(): WireError | undefined {
    return this.#fault;
  }

  /** The reply is whole. */
  get done(): boolean {
    return this.#expected === 'nothing';
  }

  /** After a reply that is whole: whether the connection may carry another. */
  get reusable(): boolean {
    return this.#reusable;
  }

  /** Another request was sent. */
  begin(): void {
    this.#expected = 'head';
    this.#head = undefined;
    this.#rest = undefined;
  }

  /** Reads what arrived. Returns what of it is body, in one piece of its own memory; undefined for none. */
  push(arrived: Buffer): Buffer | undefined {
    const bytes = this.#rest ? Buffer.concat([this.#rest, arrived]) : arrived;
    this.#rest = undefined;
    let at = 0;
    if (this.#expected === 'head') {
      try {
        at = this.#readHeads(bytes);
      } catch (thrown) {
        this.#fail(thrown);
        return undefined;
      }
      if (at === -1) return undefined;
    }
    switch (this.#expected) {
      case 'nothing':
        this.#end(bytes, at);
        return undefined;
      case 'sized':
        return this.#sized(bytes, at);
      case 'anything':
        return at < bytes.length ? copy(bytes, at, bytes.length) : undefined;
      default:
        return this.#chunks(bytes, at);
    }
  }

  #fail(thrown: unknown): void {
    if (!(thrown instanceof WireError)) throw thrown;
    this.#fault = thrown;
  }

  /** The connection was closed in order: whether that was the end of the reply. */
  close(): boolean {
    if (this.#expected === 'anything') this.#expected = 'nothing';
    return this.done;
  }

  /** Returns where the body begins; -1: the head is not whole yet. */
  #readHeads(bytes: Buffer): number {
    for (let at = 0; ; ) {
      const end = bytes.indexOf(headEnd, at);
      if (end === -1 || end - at > headLimit) {
        this.#wait(at === 0 ? bytes : bytes.subarray(at));
        return -1;
      }
      const head = readHead(bytes.toString('latin1', at, end));
      at = end + headEnd.length;
      if (head.status === 101) throw new WireError('no_http', 'it changed the protocol');
      // Of those before the last nobody wants to know (100 Continue, 103 Early Hints).
      if (head.status < 200) continue;
      this.#head = head;
      this.#reusable = head.reusable;
      this.#left = head.length ?? 0;
      if (head.status === 204 || head.status === 304 || head.length === 0) this.#expected = 'nothing';
      else this.#expected = head.chunked ? 'size' : head.length === undefined ? 'anything' : 'sized';
      return at;
    }
  }

  /** What is no HTTP is refused as soon as it shows, not when it ends. */
  #wait(bytes: Buffer): void {
    const known = Math.min(bytes.length, begin.length);
    if (begin.compare(bytes, 0, known, 0, known) !== 0) throw new WireError('no_http', 'a reply begins with HTTP/1');
    const line = bytes.indexOf(lf);
    if (line !== -1 && bytes[line - 1] !== cr) throw new WireError('no_http', 'a line ends with CR LF');
    if (bytes.length > headLimit) throw new WireError('head_too_large');
    this.#rest = Buffer.from(bytes);
  }

  #sized(bytes: Buffer, at: number): Buffer | undefined {
    const end = Math.min(bytes.length, at + this.#left);
    this.#left -= end - at;
    if (this.#left === 0) this.#end(bytes, end);
    return end > at ? copy(bytes, at, end) : undefined;
  }

  /** One copy for all chunks that arrived together. */
  #chunks(bytes: Buffer, from: number): Buffer | undefined {
    let at = from;
    let first = -1;
    let firstEnd = 0;
    let joined: Buffer | undefined;
    let filled = 0;
    while (at !== -1 && at < bytes.length && this.#expected !== 'nothing') {
      if (this.#expected !== 'chunk') {
        try {
          at = this.#between(bytes, at);
        } catch (thrown) {
          this.#fail(thrown);
          break;
        }
        continue;
      }
      const end = Math.min(bytes.length, at + this.#left);
      if (first === -1) {
        first = at;
        firstEnd = end;
      } else {
        if (!joined) {
          joined = Buffer.allocUnsafe(bytes.length - first);
          filled = bytes.copy(joined, 0, first, firstEnd);
        }
        filled += bytes.copy(joined, filled, at, end);
      }
      this.#left -= end - at;
      if (this.#left === 0) this.#expected = 'chunk end';
      at = end;
    }
    if (this.#expected === 'nothing') this.#end(bytes, at);
    if (joined) return joined.subarray(0, filled);
    return first === -1 ? undefined : copy(bytes, first, firstEnd);
  }

  /** Reads what stands between two chunks. Returns where it ends; -1: it is not whole yet. */
  #between(bytes: Buffer, at: number): number {
    if (this.#expected === 'size') return this.#size(bytes, at);
    const end = this.#expected === 'chunk end' ? at : bytes.indexOf(cr, at);
    const limit = this.#expected === 'trailer' ? headLimit - this.#trailer : 2;
    if (end === -1 || end + 1 >= bytes.length) return this.#hold(bytes, at, limit);
    if (bytes[end] !== cr || bytes[end + 1] !== lf) throw new WireError('no_http', 'a chunk ends with CR LF');
    if (this.#expected === 'chunk end') this.#expected = 'size';
    // An empty line ends the trailer; its fields are nobody's.
    else if (end === at) this.#expected = 'nothing';
    else this.#trailer += end + 2 - at;
    if (this.#trailer > headLimit) throw new WireError('head_too_large');
    return end + 2;
  }

  #size(bytes: Buffer, from: number): number {
    let at = from;
    let size = 0;
    for (let digit = hex(bytes[at]); digit !== -1; digit = hex(bytes[++at])) size = size * 16 + digit;
    if (at === from && at < bytes.length) throw new WireError('no_http', 'a chunk begins with its size');
    if (at - from > 12) throw new WireError('no_http', 'a chunk is of a size that is one');
    const extended = bytes[at] === 0x3b || bytes[at] === 0x20 || bytes[at] === 0x09;
    const end = extended ? bytes.indexOf(cr, at) : at;
    if (end === -1 || end + 1 >= bytes.length) return this.#hold(bytes, from, lineLimit);
    if (bytes[end] !== cr || bytes[end + 1] !== lf) throw new WireError('no_http', "a chunk's size ends with CR LF");
    this.#left = size;
    this.#trailer = 0;
    this.#expected = size === 0 ? 'trailer' : 'chunk';
    return end + 2;
  }

  #hold(bytes: Buffer, from: number, limit: number): -1 {
    if (bytes.length - from > limit) throw new WireError('head_too_large');
    this.#rest = Buffer.from(bytes.subarray(from));
    return -1;
  }

  /** Bytes that nobody asked for: whose answer they are the next call must not have to guess. */
  #end(bytes: Buffer, at: number): void {
    this.#expected = 'nothing';
    if (at < bytes.length) this.#reusable = false;
  }
}

function copy(bytes: Buffer, from: number, to: number): Buffer {
  const own = Buffer.allocUnsafe(to - from);
  bytes.copy(own, 0, from, to);
  return own;
}

/** The value of a hexadecimal digit; -1: it is none. */
function hex(byte = 0): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
