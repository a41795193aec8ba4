/** What can go wrong with a connection, besides what the system says of its socket. */
export type Wrong =
  /** A request that cannot be written as HTTP. */
  | 'unsendable'
  /** No connection within `timeouts.connect`. */
  | 'connect_timeout'
  /** No head within `timeouts.first_byte`. */
  | 'first_byte_timeout'
  /** Silence within the body for longer than `timeouts.idle`. */
  | 'idle_timeout'
  /** It ended before the reply did. */
  | 'closed'
  /** A head of more bytes than are read. */
  | 'head_too_large'
  /** Bytes that HTTP/1.1 does not allow there. */
  | 'no_http';

export class WireError extends Error {
  readonly code: Wrong;

  /** `detail`: which rule was broken; never what was sent. */
  constructor(code: Wrong, detail: string = code) {
    super(detail);
    this.name = 'WireError';
    this.code = code;
  }
}
