import type { Connections } from './connections.ts';
import type { ReplyHead } from './reply-head.ts';
import type { Flow, ReplyReader, Request } from './request.ts';

export interface Reply extends ReplyHead {
  /** To be read once, and to be left early at will. */
  readonly body: AsyncIterable<Buffer>;
  /** Nobody wants the body. */
  cancel(): void;
}

/** A reply to be read here, not passed on. Rejects, or fails its body, with the connection's error or the signal's reason. */
export function ask(connections: Connections, request: Request, signal: AbortSignal): Promise<Reply> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    connections.dispatch(request, new Asking(signal, resolve, reject));
  });
}

/** How much may wait to be read. Bytes. */
const waitingLimit = 64 * 1024;

class Asking implements ReplyReader {
  readonly #signal: AbortSignal;
  readonly #resolve: (reply: Reply) => void;
  readonly #reject: (error: unknown) => void;
  #flow: Flow | undefined;
  #waiting: Buffer[] = [];
  #size = 0;
  /** How it ended, which is told after all that came before. */
  #ended: { readonly error?: Error } | undefined;
  #wake: (() => void) | undefined;

  constructor(signal: AbortSignal, resolve: (reply: Reply) => void, reject: (error: unknown) => void) {
    this.#signal = signal;
    this.#resolve = resolve;
    this.#reject = reject;
    signal.addEventListener('abort', this.#aborted, { once: true });
  }

  begin(flow: Flow): void {
    this.#flow = flow;
  }

  head(head: ReplyHead): void {
    this.#resolve({ ...head, body: this.#body(), cancel: () => this.#end({}) });
  }

  data(bytes: Buffer): void {
    this.#waiting.push(bytes);
    this.#size += bytes.length;
    if (this.#size > waitingLimit) this.#flow?.pause(this);
    this.#wake?.();
  }

  end(): void {
    this.#end({});
  }

  fail(error: Error): void {
    this.#end({ error });
    // Of no effect once there was a head.
    this.#reject(error);
  }

  async *#body(): AsyncGenerator<Buffer, void, undefined> {
    try {
      for (;;) {
        const pieces = this.#waiting;
        this.#waiting = [];
        this.#size = 0;
        yield* pieces;
        if (this.#waiting.length > 0) continue;
        if (this.#ended?.error) throw this.#ended.error;
        if (this.#ended) return;
        this.#flow?.resume(this);
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      this.#end({});
    }
  }

  readonly #aborted = (): void => {
    // What came before does not matter to whoever gave up.
    this.#waiting = [];
    this.fail(this.#signal.reason as Error);
  };

  #end(how: { readonly error?: Error }): void {
    if (this.#ended) return;
    this.#ended = how;
    this.#signal.removeEventListener('abort', this.#aborted);
    this.#flow?.abort(this);
    this.#wake?.();
  }
}
