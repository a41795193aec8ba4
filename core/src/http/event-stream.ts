import type { ServerResponse } from 'node:http';
import { errorBody } from '../openai/error.ts';
import { done, frame, keepAlive } from '../openai/sse.ts';
import type { Failure } from '../sdk/index.ts';
import type { Exchange } from './exchange.ts';
import { StreamBody } from './stream-body.ts';

/**
 * A streamed reply. Its status line waits for the first piece of output, so that a failure before it is a real status; a
 * long silence is filled with comments, which commits to 200. However it ends, the client can tell a whole answer from a
 * cut one: `[DONE]`, or an error event and a connection that does not end in order.
 */
export class EventStream {
  readonly #response: ServerResponse;
  readonly #body: StreamBody;
  readonly #exchange: Exchange;
  readonly #timer: NodeJS.Timeout;
  #open = false;

  constructor(response: ServerResponse, exchange: Exchange, keepAliveMs: number) {
    this.#response = response;
    this.#body = new StreamBody(response);
    this.#exchange = exchange;
    this.#timer = setInterval(() => this.write(keepAlive), keepAliveMs);
    response.once('close', () => clearInterval(this.#timer));
  }

  /** Whether the status line is out. */
  get open(): boolean {
    return this.#open;
  }

  /** Returns a promise when the client reads slower than this writes: wait for it before making more. */
  write(text: string): Promise<void> | undefined {
    if (text === '' || this.#response.destroyed) return undefined;
    this.#head();
    this.#timer.refresh();
    return this.#body.write(text) ? undefined : this.#drained();
  }

  end(): void {
    this.release();
    this.#head();
    this.#response.end(done);
  }

  /** Fills no more silence: the reply is about to end, here or as a plain status. */
  release(): void {
    clearInterval(this.#timer);
  }

  /** Only once the stream is open; before that a failure is a status. */
  fail(failure: Failure): void {
    this.release();
    this.#response.write(frame(JSON.stringify(errorBody(failure))), () => this.#response.destroy());
  }

  #head(): void {
    if (this.#open) return;
    this.#open = true;
    this.#exchange.head(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
      // nginx would gather the events otherwise.
      'x-accel-buffering': 'no',
    });
  }

  #drained(): Promise<void> {
    const response = this.#response;
    return new Promise((resolve) => {
      const settle = (): void => {
        response.off('close', settle);
        resolve();
      };
      this.#body.drained(settle);
      response.on('close', settle);
    });
  }
}
