import type { IncomingMessage } from 'node:http';
import { Failure } from '../sdk/index.ts';
import { release } from './release.ts';

/** How much more than has come may be reserved for what was announced. */
const believed = 16;

const nothing = Buffer.alloc(0);

type Done = (error: Error | null, body?: Buffer) => void;

/**
 * Gathers a request's body. A large one is written straight to its place, and the memory of its pieces given back at once:
 * left to the garbage collection they lay about in tens of megabytes, which malloc kept.
 */
export class RequestBody {
  readonly #request: IncomingMessage;
  readonly #limit: number;
  readonly #done: Done;
  /** By its head; NaN: chunked. Bytes. */
  readonly #length: number;
  /** The first piece, or the place of all. */
  #bytes: Buffer = nothing;
  #filled = 0;

  constructor(request: IncomingMessage, limit: number, done: Done) {
    this.#request = request;
    this.#limit = limit;
    this.#done = done;
    this.#length = Number(request.headers['content-length'] ?? Number.NaN);
  }

  /** `done` is called once: with the body, or with `payload_too_large` or `cancelled`. */
  gather(): void {
    if (this.#length > this.#limit) this.#done(tooLarge());
    else this.#request.on('data', this.#data).on('end', this.#end).on('error', this.#lost);
  }

  readonly #data = (piece: Buffer): void => {
    const filled = this.#filled + piece.length;
    if (filled > this.#limit) {
      this.#leave();
      this.#done(tooLarge());
      return;
    }
    if (this.#filled === 0) this.#bytes = piece;
    else {
      if (filled > this.#bytes.length) this.#grow(filled);
      this.#bytes.set(piece, this.#filled);
      release(piece);
    }
    this.#filled = filled;
  };

  /** The length that was announced is believed up to a multiple of what has come: who sends little reserves little. */
  #grow(least: number): void {
    const before = this.#bytes;
    const room = this.#length >= least ? Math.min(this.#length, believed * least) : Math.min(2 * least, this.#limit);
    this.#bytes = Buffer.allocUnsafeSlow(room);
    this.#bytes.set(before.subarray(0, this.#filled));
    release(before);
  }

  readonly #end = (): void => {
    this.#leave();
    // One that came in chunks has more room than it needs.
    if (this.#filled < this.#bytes.length) {
      this.#bytes = Buffer.from((this.#bytes.buffer as ArrayBuffer).transfer(this.#filled));
    }
    this.#done(null, this.#bytes);
  };

  readonly #lost = (): void => {
    this.#leave();
    this.#done(new Failure('cancelled', 'The client closed the connection before its request was whole.'));
  };

  #leave(): void {
    this.#request.off('data', this.#data).off('end', this.#end).off('error', this.#lost);
  }
}

export function tooLarge(what = 'request body'): Failure {
  return new Failure('payload_too_large', `The ${what} is larger than this server takes (server.body_limit).`);
}
