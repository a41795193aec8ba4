import { WireError } from './wire-error.ts';

/** What the head of a reply says, as far as anybody here asks. */
export interface ReplyHead {
  readonly status: number;
  readonly type: string | undefined;
  readonly encoding: string | undefined;
  readonly retryAfter: string | undefined;
  /** Of the body, bytes; undefined: it is told by chunks or by the end of the connection. */
  readonly length: number | undefined;
  readonly chunked: boolean;
  /** Whether the connection may carry another reply. */
  readonly reusable: boolean;
  /** How long the server keeps a connection without requests, by its own word, ms. */
  readonly keepAliveMs: number | undefined;
}

/** Control characters, and line breaks that are not CR LF: what one reader skips another takes for a new line. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what a head cannot carry
const forbidden = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)|(?<!\r)\n/;
const statusLine = /^HTTP\/1\.[01] [1-9]\d\d(?:[ \r]|$)/;
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Reads a head without the empty line at its end (RFC 9112 §4–§6). Throws a WireError. */
export function readHead(text: string): ReplyHead {
  if (!statusLine.test(text)) throw broken('a reply begins with HTTP/1.1 and a status');
  const version = text.charAt(7);
  const status = Number(text.slice(9, 12));
  if (forbidden.test(text)) throw broken('a head has no control characters');
  let type: string | undefined;
  let encoding: string | undefined;
  let retryAfter: string | undefined;
  let length: number | undefined;
  let chunked = false;
  let connection = '';
  let keepAliveMs: number | undefined;
  let end = text.indexOf('\r\n');
  while (end !== -1) {
    const from = end + 2;
    end = text.indexOf('\r\n', from);
    const colon = text.indexOf(':', from);
    const name = text.slice(from, colon === -1 ? from : colon);
    // Also what continues the line before (obs-fold), and a space in front of the colon.
    if (!token.test(name)) throw broken('a field has a name');
    const value = text.slice(colon + 1, end === -1 ? text.length : end).trim();
    switch (name.toLowerCase()) {
      case 'content-type':
        type ??= value;
        break;
      case 'content-length':
        // Twice the same would do no harm, but who sends it twice may send two.
        if (length !== undefined || !/^\d{1,15}$/.test(value)) throw broken('there is one Content-Length, a number');
        length = Number(value);
        break;
      case 'transfer-encoding':
        if (chunked || value.toLowerCase() !== 'chunked') throw broken('Transfer-Encoding is chunked and nothing else');
        chunked = true;
        break;
      case 'content-encoding':
        encoding = encoding === undefined ? value : `${encoding}, ${value}`;
        break;
      case 'connection':
        connection += `,${value.toLowerCase()}`;
        break;
      case 'keep-alive':
        keepAliveMs = Number(/timeout=(\d{1,6})/i.exec(value)?.[1] ?? Number.NaN) * 1_000 || undefined;
        break;
      case 'retry-after':
        retryAfter ??= value;
        break;
    }
  }
  if (chunked && length !== undefined) throw broken('a body has a length or chunks, not both');
  const open = version === '1' ? !says(connection, 'close') : says(connection, 'keep-alive') && !chunked;
  const bounded = chunked || length !== undefined || status === 204 || status === 304;
  return { status, type, encoding, retryAfter, length, chunked, reusable: open && bounded, keepAliveMs };
}

/** Whether one of the options of `Connection` is this. */
function says(connection: string, option: string): boolean {
  return connection !== '' && connection.split(',').some((each) => each.trim() === option);
}

function broken(rule: string): WireError {
  return new WireError('no_http', rule);
}
