import { Readable } from 'node:stream';
import type { ReplyHead } from './reply-head.ts';
import { WireError } from './wire-error.ts';

/** In pieces that follow each other, or to be read while it is sent. */
export type Payload = readonly Uint8Array[] | Readable;

export interface Request {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** Names and values in turn. Without Host, Connection and what says how long the body is. */
  readonly headers: readonly string[];
  readonly body?: Payload;
}

/** A request as it goes out. */
export interface Outgoing {
  readonly head: string;
  readonly body: Payload | undefined;
  /** Of the body, bytes; 0 for none and for one that is read. */
  readonly length: number;
}

/** A request on its connection, as the reader of its reply sees it. */
export interface Flow {
  /** Reads no more of the reply, and so slows the server down. Its silence does not count meanwhile. */
  pause(reader: ReplyReader): void;
  resume(reader: ReplyReader): void;
  /** The reader wants no more, and is told no more. */
  abort(reader: ReplyReader): void;
}

/** Who reads a reply. Ends with `end` or `fail`, whatever happens. */
export interface ReplyReader {
  /** Told first, and again when the request had to move to another connection, before anything of the reply. */
  begin(flow: Flow): void;
  head(head: ReplyHead): void;
  /** What one read from the socket brought of the body, however it was chunked. */
  data(bytes: Buffer): void;
  end(): void;
  /** The system's error, a WireError, or what the request's body was destroyed with. */
  fail(error: Error): void;
}

/** With its head written (RFC 9112 §3). Throws a WireError for what would end a line of it. */
export function outgoing({ method, path, headers, body }: Request, host: string): Outgoing {
  let head = `${method} ${checked(path)} HTTP/1.1\r\nhost: ${host}\r\nconnection: keep-alive\r\n`;
  for (let at = 0; at + 1 < headers.length; at += 2) {
    head += `${checked(headers[at] as string)}: ${checked(headers[at + 1] as string)}\r\n`;
  }
  let length = 0;
  if (body instanceof Readable) head += 'transfer-encoding: chunked\r\n';
  else if (body) {
    for (const piece of body) length += piece.length;
    head += `content-length: ${length}\r\n`;
  }
  return { head: `${head}\r\n`, body, length };
}

/** Beyond Latin-1 too: only the lower byte of such a letter would be sent, and that may be a line break. */
function checked(text: string): string {
  if (/[^\t\x20-\x7e\x80-\xff]/.test(text))
    throw new WireError('unsendable', 'a header has a character that no header can carry');
  return text;
}
