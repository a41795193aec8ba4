import { connect, type Socket } from 'node:net';

export interface Reply {
  readonly status: number;
  readonly body: Buffer;
  /** From the request to the first byte of the body, ms. */
  readonly firstMs: number;
  /** From the request to the last byte, ms. */
  readonly totalMs: number;
}

/** One kept HTTP/1.1 connection, on a bare socket so that the load takes little of the machine it is measured on. */
export class Connection {
  readonly #host: string;
  readonly #port: number;
  #socket: Socket | undefined;
  #reader: Reader | undefined;

  constructor(url: string) {
    const { hostname, port } = new URL(url);
    this.#host = hostname;
    this.#port = Number(port);
  }

  /** Sends a whole request. Throws when the connection ends before the reply does. */
  send(request: Buffer): Promise<Reply> {
    const socket = this.#open();
    return new Promise((resolve, reject) => {
      this.#reader = new Reader(
        (reply, last) => {
          this.#reader = undefined;
          if (last) this.close();
          resolve(reply);
        },
        (error) => {
          this.close();
          reject(error);
        },
      );
      socket.write(request);
    });
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  #open(): Socket {
    if (this.#socket && !this.#socket.destroyed) return this.#socket;
    const socket = connect({ host: this.#host, port: this.#port, noDelay: true });
    socket.on('data', (bytes) => this.#reader?.push(bytes));
    socket.on('error', (error) => this.#reader?.broke(error));
    socket.on('close', () => {
      if (this.#socket === socket) this.#socket = undefined;
      this.#reader?.end();
    });
    this.#socket = socket;
    return socket;
  }
}

const nothing = Buffer.alloc(0);

/** Reads one reply: by its length, by its chunks, or until the connection ends. */
class Reader {
  readonly #done: (reply: Reply, last: boolean) => void;
  readonly #fail: (error: Error) => void;
  readonly #begin = performance.now();
  readonly #pieces: Buffer[] = [];
  #head: Buffer = nothing;
  #open = false;
  #status = 0;
  #close = false;
  #chunked = false;
  /** Bytes of the body, or of the chunk with its line break, that are still to come. */
  #left = 0;
  /** A chunk's size line that is not whole yet. */
  #line = '';
  #firstMs = 0;

  constructor(done: (reply: Reply, last: boolean) => void, fail: (error: Error) => void) {
    this.#done = done;
    this.#fail = fail;
  }

  push(bytes: Buffer): void {
    if (this.#open) {
      this.#body(bytes, 0);
      return;
    }
    this.#head = this.#head.length === 0 ? bytes : Buffer.concat([this.#head, bytes]);
    const end = this.#head.indexOf('\r\n\r\n');
    if (end === -1) return;
    const lines = this.#head.toString('latin1', 0, end).toLowerCase();
    this.#status = Number(lines.slice(9, 12));
    this.#close = lines.includes('\r\nconnection: close');
    this.#chunked = lines.includes('\r\ntransfer-encoding: chunked');
    const length = /\r\ncontent-length: *(\d+)/.exec(lines)?.[1];
    this.#left = this.#chunked ? 0 : Number(length ?? Number.POSITIVE_INFINITY);
    this.#open = true;
    if (this.#left === 0 && !this.#chunked) this.#finish();
    else if (end + 4 < this.#head.length) this.#body(this.#head, end + 4);
  }

  broke(error: Error): void {
    this.#fail(error);
  }

  end(): void {
    if (this.#open && this.#left === Number.POSITIVE_INFINITY) this.#finish();
    else this.#fail(new Error(`the connection ended within a reply: ${Buffer.concat(this.#pieces).subarray(-300)}`));
  }

  #body(bytes: Buffer, from: number): void {
    if (this.#firstMs === 0) this.#firstMs = performance.now() - this.#begin;
    if (!this.#chunked) {
      this.#pieces.push(from === 0 ? bytes : bytes.subarray(from));
      this.#left -= bytes.length - from;
      if (this.#left <= 0) this.#finish();
      return;
    }
    let at = from;
    while (at < bytes.length) {
      if (this.#left > 0) {
        const end = Math.min(at + this.#left, bytes.length);
        // The two last bytes of what is left are the line break behind the chunk.
        const data = Math.min(end, at + Math.max(this.#left - 2, 0));
        if (data > at) this.#pieces.push(bytes.subarray(at, data));
        this.#left -= end - at;
        at = end;
        continue;
      }
      const end = bytes.indexOf(0x0a, at);
      this.#line += bytes.toString('latin1', at, end === -1 ? bytes.length : end);
      if (end === -1) return;
      at = end + 1;
      const size = Number.parseInt(this.#line, 16);
      const trailer = this.#line === '\r';
      this.#line = '';
      if (trailer) {
        this.#finish();
        return;
      }
      this.#left = size === 0 ? 0 : size + 2;
    }
  }

  #finish(): void {
    this.#done(
      {
        status: this.#status,
        body: this.#pieces.length === 1 ? (this.#pieces[0] as Buffer) : Buffer.concat(this.#pieces),
        firstMs: this.#firstMs,
        totalMs: performance.now() - this.#begin,
      },
      this.#close,
    );
  }
}
