import { Readable } from 'node:stream';
import { Watch } from '../watch.ts';
import { Connection, type Home, type Patience } from './connection.ts';
import { type Outgoing, outgoing, type ReplyReader, type Request } from './request.ts';
import { WireError } from './wire-error.ts';

/**
 * The connections to one server, as many as there are requests at a time: nobody waits for one. HTTP/1.1 by hand and for
 * this alone, since a relayed call is little else: `docs/architecture.md` has the figures.
 */
export class Connections implements Home {
  readonly url: URL;
  readonly patience: Patience;
  readonly watch = new Watch();
  readonly #free: Connection[] = [];
  readonly #all = new Set<Connection>();
  #closed = false;

  constructor(url: URL, patience: Patience) {
    this.url = url;
    this.patience = patience;
  }

  /** Sends a request. The reader may be told of a failure before this returns. */
  dispatch(request: Request, reader: ReplyReader): void {
    let written: Outgoing;
    try {
      written = outgoing(request, this.url.host);
    } catch (thrown) {
      reader.fail(thrown as Error);
      return;
    }
    // A kept connection may be one that the server is just closing, and what is read from somewhere cannot be sent twice.
    const kept = request.body instanceof Readable ? undefined : this.#free.pop();
    if (kept) kept.send(written, reader);
    else this.sendAnew(written, reader);
  }

  sendAnew(request: Outgoing, reader: ReplyReader): void {
    if (this.#closed) {
      reader.fail(new WireError('closed'));
      return;
    }
    const connection = new Connection(this);
    this.#all.add(connection);
    connection.send(request, reader);
  }

  freed(connection: Connection): void {
    if (this.#closed) connection.close();
    else this.#free.push(connection);
  }

  gone(connection: Connection): void {
    if (!this.#all.delete(connection)) return;
    this.watch.delete(connection);
    const at = this.#free.indexOf(connection);
    if (at !== -1) this.#free.splice(at, 1);
  }

  /** Breaks what is under way, and refuses what comes. */
  close(): void {
    this.#closed = true;
    this.#free.length = 0;
    for (const connection of this.#all) connection.close();
    this.watch.close();
  }
}
