import { connect, isIP, type OnReadOpts, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { connect as connectSecurely } from 'node:tls';
import type { Watch, Watched } from '../watch.ts';
import { ReplyParser } from './reply-parser.ts';
import type { Flow, Outgoing, ReplyReader } from './request.ts';
import { sendBody } from './send-body.ts';
import { WireError, type Wrong } from './wire-error.ts';

/** ms. */
export interface Patience {
  readonly connect: number;
  readonly first_byte: number;
  readonly idle: number;
}

/** What a connection belongs to. */
export interface Home {
  readonly url: URL;
  readonly patience: Patience;
  readonly watch: Watch;
  /** It is free for another request. */
  freed(connection: Connection): void;
  /** It was closed. */
  gone(connection: Connection): void;
  /** A request that the server did not read, since it had just closed the connection that was kept. */
  sendAnew(request: Outgoing, reader: ReplyReader): void;
}

/** How long a connection is kept without a request; most servers end it earlier, which is noticed. ms. */
const keptMs = 60_000;
/** A server that closes a kept connection on its own account does so within this time of the request. ms. */
const staleMs = 1_000;
/** Up to this head and body go as one piece of memory. Bytes. */
const joined = 32 * 1024;

/** What a read brings lies here until it was parsed, which is at once: one buffer for all connections. */
const arrivals = Buffer.allocUnsafeSlow(64 * 1024);

/** One connection to a server: one request at a time, and its reply. */
export class Connection implements Flow, Watched {
  due = Number.POSITIVE_INFINITY;
  place = 0;
  readonly #home: Home;
  readonly #socket: Socket;
  readonly #parser = new ReplyParser();
  #connected = false;
  #request: Outgoing | undefined;
  #reader: ReplyReader | undefined;
  /** It carried a request before this one. */
  #used = false;
  /** When the request was sent, on the clock of `performance.now()`. */
  #since = 0;
  /** Something of the reply has come. */
  #heard = false;
  #headTold = false;
  #paused = false;
  /** Nothing of the request is read any more: it is on its way, or was copied. */
  #sent = false;

  constructor(home: Home) {
    this.#home = home;
    const { url, watch, patience } = home;
    const secure = url.protocol === 'https:';
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const options = {
      host,
      port: Number(url.port) || (secure ? 443 : 80),
      noDelay: true,
      onread: { buffer: arrivals, callback: (length) => this.#read(length) } satisfies OnReadOpts,
    };
    this.#socket = secure
      ? connectSecurely({ ...options, servername: isIP(host) ? '' : host, ALPNProtocols: ['http/1.1'] })
      : connect(options);
    this.#socket
      .once(secure ? 'secureConnect' : 'connect', () => this.#connect())
      .on('end', () => this.#closed())
      .on('error', (error) => this.#lose(error))
      .on('close', () => this.#closed());
    watch.add(this);
    watch.expect(this, patience.connect);
  }

  /** Only on one that is new or was freed. */
  send(request: Outgoing, reader: ReplyReader): void {
    this.#request = request;
    this.#reader = reader;
    reader.begin(this);
    if (this.#connected && this.#reader === reader) this.#write();
  }

  pause(reader: ReplyReader): void {
    if (this.#reader !== reader) return;
    this.#paused = true;
    this.due = Number.POSITIVE_INFINITY;
    this.#socket.pause();
  }

  resume(reader: ReplyReader): void {
    if (this.#reader === reader) this.#unpause(this.#home.patience.idle);
  }

  abort(reader: ReplyReader): void {
    if (this.#reader !== reader) return;
    this.#reader = undefined;
    this.#drop();
    // One that is still being made may serve the next.
    if (this.#connected) this.close();
  }

  close(): void {
    this.#socket.destroy();
  }

  /** What came while this process was busy is read before anybody is blamed. */
  late(): void {
    // Found again, if nothing came.
    this.due = 0;
    setImmediate(() => {
      if (this.due === 0) this.#overdue();
      else if (this.due !== Number.POSITIVE_INFINITY) this.#home.watch.expect(this, this.due - performance.now());
    });
  }

  #overdue(): void {
    this.due = Number.POSITIVE_INFINITY;
    const wrong: Wrong = !this.#connected ? 'connect_timeout' : this.#headTold ? 'idle_timeout' : 'first_byte_timeout';
    this.#lose(new WireError(wrong));
  }

  #connect(): void {
    this.#connected = true;
    if (this.#reader) this.#write();
    else this.#free();
  }

  #write(): void {
    const { watch, patience } = this.#home;
    const request = this.#request as Outgoing;
    const { head, body, length } = request;
    this.#parser.begin();
    this.#heard = false;
    this.#headTold = false;
    this.#sent = !body || (!(body instanceof Readable) && length <= joined);
    watch.expect(this, patience.first_byte);
    this.#since = performance.now();
    if (!body || body instanceof Readable) {
      this.#socket.write(head, 'latin1');
      if (body) this.#stream(body);
    } else if (length <= joined) {
      const bytes = Buffer.allocUnsafe(head.length + length);
      let at = bytes.write(head, 'latin1');
      for (const piece of body) {
        bytes.set(piece, at);
        at += piece.length;
      }
      this.#socket.write(bytes);
    } else {
      this.#socket.cork();
      this.#socket.write(head, 'latin1');
      for (const piece of body) this.#socket.write(piece);
      this.#socket.write('', () => {
        if (this.#request === request) this.#sent = true;
      });
      this.#socket.uncork();
    }
  }

  #stream(body: Readable): void {
    const request = this.#request;
    sendBody(this.#socket, body, (error) => {
      if (this.#request !== request) return;
      if (error) this.#lose(error);
      else this.#sent = true;
    });
  }

  #read(length: number): boolean {
    const reader = this.#reader;
    if (!reader) {
      // Nobody asked; whose answer it is nobody can know.
      this.close();
      return false;
    }
    this.#heard = true;
    const parser = this.#parser;
    const body = parser.push(arrivals.subarray(0, length));
    const { idle } = this.#home.patience;
    // Over TLS something may still come after a pause.
    if (this.#headTold && !this.#paused) this.due = performance.now() + idle;
    else if (parser.head && !this.#headTold) {
      this.#headTold = true;
      this.#home.watch.expect(this, idle);
      reader.head(parser.head);
    }
    // A reader may have had enough at any time.
    if (body && this.#reader === reader) reader.data(body);
    if (this.#reader !== reader) return true;
    if (parser.done) this.#finish(reader);
    else if (parser.fault) this.#lose(parser.fault);
    return true;
  }

  #finish(reader: ReplyReader): void {
    this.#reader = undefined;
    // An answer to a request that is not yet all there: the rest of it has nowhere to go.
    if (!this.#sent) this.#drop();
    if (this.#sent && this.#parser.reusable) this.#free();
    else this.close();
    reader.end();
  }

  #free(): void {
    this.#used = true;
    const announced = (this.#parser.head?.keepAliveMs ?? Number.POSITIVE_INFINITY) - 1_000;
    const kept = Math.min(keptMs, announced);
    if (kept <= 0) {
      this.close();
      return;
    }
    this.#unpause(kept);
    this.#home.freed(this);
  }

  #unpause(dueInMs: number): void {
    this.#home.watch.expect(this, dueInMs);
    if (!this.#paused) return;
    this.#paused = false;
    this.#socket.resume();
  }

  /** Its end, or its having been closed: whichever is noticed first. */
  #closed(): void {
    const reader = this.#reader;
    if (reader && this.#headTold && this.#parser.close()) this.#finish(reader);
    else this.#lose(new WireError('closed'));
  }

  /** It is of no more use. */
  #lose(error: Error): void {
    this.#socket.destroy();
    this.#home.gone(this);
    const reader = this.#reader;
    const request = this.#request;
    this.#reader = undefined;
    if (!reader || !request) return;
    if (this.#stale(error) && !(request.body instanceof Readable)) {
      this.#home.sendAnew(request, reader);
      return;
    }
    this.#drop();
    reader.fail(error);
  }

  /** Nothing is known of a server that closed a kept connection just when it was used: the request met a closed door. */
  #stale(error: Error): boolean {
    const closed = !(error instanceof WireError) || error.code === 'closed';
    return closed && this.#used && !this.#heard && performance.now() - this.#since < staleMs;
  }

  /** What is left of a body that is read from somewhere is not read any more. */
  #drop(): void {
    const body = this.#request?.body;
    this.#request = undefined;
    if (body instanceof Readable) body.destroy();
  }
}
