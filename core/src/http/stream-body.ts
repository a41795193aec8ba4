import type { ServerResponse } from 'node:http';

/** More at once is written as it is, not copied into a frame. Bytes. */
const frameLimit = 64 * 1024;

/**
 * The body of a reply without a Content-Length, sent piece by piece and framed here (RFC 9112 §7.1). Node sends a chunk as
 * four pieces that it gathers until the end of the turn; as one piece a relayed chunk costs a seventh less.
 */
export class StreamBody {
  readonly #response: ServerResponse;
  /** HTTP/1.0 has no chunks. */
  readonly #chunked: boolean;
  /** The head is out, or waits in front of what follows. */
  #begun = false;

  constructor(response: ServerResponse) {
    this.#response = response;
    this.#chunked = response.req.httpVersion === '1.1';
  }

  /** After the head. False: wait until it has drained, the client is slow. */
  write(piece: Uint8Array | string): boolean {
    const { socket } = this.#response;
    // A chunk of nothing would be the last.
    if (piece.length === 0) return true;
    // A response that waits for those before it on its connection has no socket yet.
    if (!this.#begun || !this.#chunked || !socket || socket.destroyed || piece.length > frameLimit) {
      this.#begun = true;
      return this.#response.write(piece);
    }
    if (typeof piece === 'string') {
      return socket.write(`${Buffer.byteLength(piece).toString(16)}\r\n${piece}\r\n`);
    }
    const size = `${piece.length.toString(16)}\r\n`;
    const end = size.length + piece.length;
    const chunk = Buffer.allocUnsafe(end + 2);
    chunk.write(size, 'latin1');
    chunk.set(piece, size.length);
    chunk[end] = 0x0d;
    chunk[end + 1] = 0x0a;
    return socket.write(chunk);
  }

  /** Calls `resume` once, when what was written is on its way; never, if the connection breaks first. */
  drained(resume: () => void): void {
    (this.#response.socket ?? this.#response).once('drain', resume);
  }
}
