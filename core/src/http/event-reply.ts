import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { errorBody } from '../openai/error.ts';
import { frame, keepAlive } from '../openai/sse.ts';
import type { Failure } from '../sdk/index.ts';
import { StreamBody } from './stream-body.ts';

/**
 * A reply of server-sent events, from when it is known that it will be one. Its status line waits for the first piece of
 * output, so that a failure before it is a real status; a long silence is filled with comments, which commits to 200.
 * However it ends, the client can tell a whole answer from a cut one: an error event and a connection that does not end in
 * order.
 */
export class EventReply {
  readonly #response: ServerResponse;
  readonly #body: StreamBody;
  readonly #head: (status: number, headers: OutgoingHttpHeaders) => void;
  #timer: NodeJS.Timeout;
  /** Of the last write. */
  #when = performance.now();
  #last: Uint8Array | undefined;
  #open = false;

  /** `head` sends the status line. Silences of `keepAliveMs` are filled until it is released. */
  constructor(
    response: ServerResponse,
    head: (status: number, headers: OutgoingHttpHeaders) => void,
    keepAliveMs: number,
  ) {
    this.#response = response;
    this.#body = new StreamBody(response);
    this.#head = head;
    const look = (): void => {
      // A timer that each chunk moves on would cost more than the chunk's way through here.
      const left = this.#when + keepAliveMs - performance.now();
      this.#timer = setTimeout(look, left > 0 ? left : keepAliveMs);
      // An event that is too long to be held back may be half out: a comment would end it.
      if (left <= 0 && endsEvent(this.#last)) this.write(keepAlive);
    };
    this.#timer = setTimeout(look, keepAliveMs);
  }

  /** Whether the status line is out. */
  get open(): boolean {
    return this.#open;
  }

  /** Sends the status line, unless it is out. */
  begin(status = 200, type = 'text/event-stream; charset=utf-8'): void {
    if (this.#open) return;
    this.#open = true;
    // nginx would gather the events otherwise.
    this.#head(status, { 'content-type': type, 'cache-control': 'no-cache', 'x-accel-buffering': 'no' });
  }

  /** Text: whole events. Bytes: as they come. False: wait until it has drained, the client is slow. */
  write(piece: Uint8Array | string): boolean {
    if (this.#response.destroyed) return true;
    this.begin();
    this.#when = performance.now();
    this.#last = typeof piece === 'string' ? undefined : piece;
    return this.#body.write(piece);
  }

  /** Calls `resume` once, when what was written is on its way; never, if the connection breaks first. */
  drained(resume: () => void): void {
    this.#body.drained(resume);
  }

  /** As `drained`; resolves also when the connection breaks. */
  drain(): Promise<void> {
    const response = this.#response;
    return new Promise((resolve) => {
      const settle = (): void => {
        response.off('close', settle);
        resolve();
      };
      this.drained(settle);
      response.on('close', settle);
    });
  }

  end(last?: string): void {
    this.release();
    this.begin();
    this.#response.end(last);
  }

  /** Only once it is open; before that a failure is a status. */
  fail(failure: Failure): void {
    this.release();
    this.#response.write(frame(JSON.stringify(errorBody(failure))), () => this.#response.destroy());
  }

  /** Fills no more silence: the reply is over, or will be no stream. */
  release(): void {
    clearTimeout(this.#timer);
  }
}

/** Nothing so far, or a blank line at the end. */
function endsEvent(bytes: Uint8Array | undefined): boolean {
  return bytes === undefined || /\n\r?\n$/.test(Buffer.from(bytes.subarray(-3)).toString('latin1'));
}
