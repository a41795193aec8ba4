import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { Failure, type RawRequest, type Sink } from '../sdk/index.ts';
import type { UpstreamOptions } from './options.ts';
import { failureOf, silenceOf } from './outage.ts';
import { complaint, errorLimit, type Refusal, refusalOf } from './refusal.ts';
import { type Renaming, RenamingStream } from './renaming.ts';
import { StreamGuard } from './stream-guard.ts';
import type { Upstream } from './upstream.ts';

/** A reply of JSON up to this is gathered and checked before it is passed on. Bytes. */
const gatherLimit = 1024 * 1024;

/** How an attempt failed. */
export interface Attempt {
  readonly failure: Failure;
  /** The upstream is to blame, and nothing of its reply was sent: another may be asked. */
  readonly again: boolean;
  /** The client's own upload was at fault: nothing is known of the upstream. */
  readonly blameless?: true;
  readonly refusal?: Refusal;
  readonly status?: number;
}

export interface Passage {
  readonly upstream: Upstream;
  readonly request: RawRequest;
  readonly body: Uint8Array | Readable;
  readonly sink: Sink;
  readonly signal: AbortSignal;
  readonly timeouts: UpstreamOptions['timeouts'];
  /** Undefined when the names are the same. */
  readonly renaming: Renaming | undefined;
}

/**
 * Sends a request to an upstream and its reply to the sink, byte by byte. Resolves with undefined when the sink has been
 * ended, else with how the attempt failed; the sink has been told nothing of that. A class, not closures: the hot path.
 */
export function pass(passage: Passage): Promise<Attempt | undefined> {
  return new Promise((resolve) => {
    const { upstream, request, body, signal } = passage;
    const handler = new Handler(passage, resolve);
    upstream.pool.dispatch(
      {
        method: 'POST',
        path: upstream.base + request.path,
        headers: {
          ...request.headers,
          accept: request.stream ? 'text/event-stream' : 'application/json',
          // A compressed reply could not be watched, and clients did not ask for one.
          'accept-encoding': 'identity',
          ...upstream.credentials,
        },
        body: body as Buffer | Readable,
        // Watched here: undici keeps a timer it has dropped for a second, and all that hangs on it.
        headersTimeout: 0,
        bodyTimeout: 0,
      },
      handler,
    );
    if (signal.aborted) handler.cancel();
    else signal.addEventListener('abort', handler.cancel, { once: true });
  });
}

type Mode = 'head' | 'begun' | 'events' | 'gather' | 'pass' | 'error';

/** Tasks whose request says whether the reply is a stream. */
const streamable: ReadonlySet<string> = new Set(['chat', 'complete', 'respond']);

class Handler implements Dispatcher.DispatchHandler {
  readonly #passage: Passage;
  readonly #resolve: (attempt: Attempt | undefined) => void;
  readonly #guard = new StreamGuard();
  readonly #renaming: RenamingStream | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #mode: Mode = 'head';
  #status = 0;
  #type = '';
  #retryAfter: string | undefined;
  #chunks: Buffer[] = [];
  #size = 0;
  /** Something of this upstream's reply went to the client. */
  #begun = false;
  /** Last byte of a reply that is not gathered. */
  #last: number | undefined;
  #over = false;
  /** For the upstream's silence. */
  #timer: NodeJS.Timeout | undefined;
  #quiet = false;

  constructor(passage: Passage, resolve: (attempt: Attempt | undefined) => void) {
    this.#passage = passage;
    this.#resolve = resolve;
    this.#renaming = passage.renaming && new RenamingStream(passage.renaming);
  }

  /** Does not wait for a connection that is still being made. */
  readonly cancel = (): void => {
    const { signal } = this.#passage;
    this.#settle({ failure: Failure.from(signal.reason, 'cancelled'), again: false });
    this.#controller?.abort(signal.reason as Error);
  };

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#over) controller.abort(this.#passage.signal.reason as Error);
    else this.#timer = setTimeout(this.#late, this.#passage.timeouts.first_byte);
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Readonly<Record<string, string | string[] | undefined>>,
  ): void {
    if (status < 200 || this.#over) return;
    const { sink, upstream, request } = this.#passage;
    this.#quiet = false;
    this.#mode = 'begun';
    this.#await();
    this.#status = status;
    this.#type = printable(text(headers['content-type']) ?? '');
    if (status >= 300) {
      this.#retryAfter = text(headers['retry-after']);
      this.#mode = 'error';
      return;
    }
    const encoding = text(headers['content-encoding']);
    const streams = request.stream && streamable.has(request.task);
    if (encoding !== undefined && encoding !== 'identity') {
      this.#break(`${upstream.title} compressed its reply although it was asked not to`);
    } else if (this.#type.startsWith('text/event-stream') && (streams || request.task === 'transcribe')) {
      // Its head waits for the first event: until then another upstream may still be asked.
      this.#mode = 'events';
    } else if (sink.open || streams) {
      this.#break(`${upstream.title} answered with ${this.#type || 'no content type'} where a stream was asked for`);
    } else if (this.#type.startsWith('application/json')) {
      this.#mode = 'gather';
    } else if (request.task === 'transcribe' && /^text\/(?:plain|vtt)|^application\/x-subrip/.test(this.#type)) {
      this.#mode = 'pass';
      this.#last = undefined;
      const length = text(headers['content-length']);
      this.#head(length);
    } else {
      this.#break(`${upstream.title} answered with ${this.#type || 'no content type'} instead of JSON`);
    }
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#over) return;
    this.#quiet = false;
    this.#timer?.refresh();
    switch (this.#mode) {
      case 'events':
        // What one read brought goes on as one piece: tokens that come singly go singly.
        if (this.#chunks.push(chunk) === 1) process.nextTick(this.#forward);
        break;
      case 'pass':
        this.#last = chunk[chunk.length - 1];
        this.#write(chunk);
        break;
      case 'error':
        this.#size += chunk.length;
        if (this.#size <= errorLimit) this.#chunks.push(chunk);
        else this.#refuse();
        break;
      case 'gather':
        this.#size += chunk.length;
        this.#chunks.push(chunk);
        if (this.#size > gatherLimit) this.#openLarge();
        break;
    }
  }

  readonly #forward = (): void => {
    if (this.#over || this.#mode !== 'events' || this.#chunks.length === 0) return;
    const bytes = this.#guard.push(
      this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks),
    );
    this.#chunks = [];
    if (bytes) this.#write(bytes);
    const { complaint: error } = this.#guard;
    if (error !== undefined) this.#fail(complaint(this.#passage.upstream, error));
  };

  onResponseEnd(): void {
    this.#forward();
    if (this.#over) return;
    const { title } = this.#passage.upstream;
    switch (this.#mode) {
      case 'events':
        if (!this.#endEvents()) {
          this.#fail(
            new Failure('backend_failed', `${title} ended its stream without saying that the answer is whole`),
          );
        }
        break;
      case 'pass':
        this.#endPassed();
        break;
      case 'gather':
        this.#endJson();
        break;
      case 'error':
        this.#refuse();
        break;
      default:
        this.#fail(new Failure('backend_failed', `${title} closed the connection without a reply`));
    }
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#forward();
    if (this.#over) return;
    // A Failure comes out of the body, which is still being read from the client.
    if (error instanceof Failure) this.#settle({ failure: error, again: false, blameless: true });
    else this.#lost(failureOf(error, this.#passage.upstream));
  }

  /** What came while this process was busy is read before anybody is blamed. */
  readonly #late = (): void => {
    this.#quiet = true;
    setImmediate(this.#silent);
  };

  readonly #silent = (): void => {
    if (!this.#quiet) return;
    this.#forward();
    if (this.#over) return;
    const failure = silenceOf(
      this.#passage.upstream.title,
      this.#mode === 'head' ? 'before its reply' : 'within its reply',
    );
    this.#lost(failure);
    this.#controller?.abort(failure);
  };

  /** From now on its silence is bounded by `timeouts.idle`. */
  #await(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#late, this.#passage.timeouts.idle);
  }

  /** No more will come from the upstream. */
  #lost(failure: Failure): void {
    // It had said what it had to say.
    if (this.#mode === 'error') this.#refuse();
    else if (this.#mode !== 'events' || !this.#endEvents()) this.#fail(failure);
  }

  /** Opens the reply. */
  #head(length?: string): void {
    this.#begun = true;
    const type = this.#type;
    this.#passage.sink.head(
      this.#status,
      length === undefined ? { 'content-type': type } : { 'content-type': type, 'content-length': length },
    );
  }

  #write(bytes: Buffer): void {
    const { sink } = this.#passage;
    if (!this.#begun) this.#head();
    const renamed = this.#renaming ? this.#renaming.push(bytes) : bytes;
    if (renamed.length === 0 || sink.write(renamed)) return;
    const controller = this.#controller as Dispatcher.DispatchController;
    controller.pause();
    // It is the client who is slow.
    clearTimeout(this.#timer);
    this.#timer = undefined;
    sink.drained(() => {
      if (!this.#over) this.#await();
      controller.resume();
    });
  }

  /** JSON that is too large to gather: watched at its ends only. */
  #openLarge(): void {
    const bytes = Buffer.concat(this.#chunks);
    this.#chunks = [];
    this.#mode = 'pass';
    this.#last = bytes[bytes.length - 1];
    this.#write(bytes);
  }

  /** The end of a stream, in order or not: whether it had said that it is whole. */
  #endEvents(): boolean {
    const rest = this.#guard.rest();
    if (rest && (this.#begun || this.#guard.done)) this.#write(rest);
    if (this.#guard.done) this.#finish();
    return this.#guard.done;
  }

  #endPassed(): void {
    const { title } = this.#passage.upstream;
    const json = this.#type.startsWith('application/json');
    if (json && !closers.has(this.#last)) {
      this.#fail(new Failure('backend_failed', `${title} sent a reply that is no whole JSON`));
    } else this.#finish();
  }

  #endJson(): void {
    const { sink, upstream, renaming } = this.#passage;
    const bytes = Buffer.concat(this.#chunks);
    let said: unknown;
    try {
      said = JSON.parse(bytes.toString());
    } catch {
      // Told apart below: what is no JSON is no object either.
    }
    if (typeof said !== 'object' || said === null) {
      const what = bytes.length === 0 ? 'an empty reply' : 'a reply that is no whole JSON';
      this.#fail(new Failure('backend_failed', `${upstream.title} sent ${what}`));
      return;
    }
    // A response of the Responses API has a member of that name, also when all is well.
    const { error, object } = said as { readonly error?: unknown; readonly object?: unknown };
    if (error && object !== 'response') {
      this.#fail(complaint(upstream, error));
      return;
    }
    const body = renaming ? renaming.apply(bytes) : bytes;
    this.#head(String(body.length));
    sink.write(body);
    sink.end();
    this.#settle(undefined);
  }

  #refuse(): void {
    const refusal = refusalOf(this.#passage.upstream, this.#status, this.#retryAfter, Buffer.concat(this.#chunks));
    const again = refusal.unwell || this.#status === 429;
    this.#settle({ failure: refusal.failure, again: again && this.#repeatable, refusal, status: this.#status });
    // Ends a body that has no end; after a whole one there is nothing to abort.
    if (this.#size > errorLimit) this.#controller?.abort(refusal.failure);
  }

  #break(reason: string): void {
    this.#fail(new Failure('backend_failed', reason));
  }

  /** Ends the attempt because of what the upstream sent or did not send. */
  #fail(failure: Failure): void {
    this.#settle({ failure, again: !this.#begun && this.#repeatable });
    this.#controller?.abort(failure);
  }

  /** A body that was read from the client cannot be sent twice. */
  get #repeatable(): boolean {
    return this.#passage.body instanceof Uint8Array;
  }

  #finish(): void {
    const { sink } = this.#passage;
    const rest = this.#renaming?.end();
    if (rest) sink.write(rest);
    sink.end();
    this.#settle(undefined);
  }

  #settle(attempt: Attempt | undefined): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    this.#passage.signal.removeEventListener('abort', this.cancel);
    this.#resolve(attempt);
  }
}

/** What JSON ends with, apart from space: `}` `]`, or a line break after one. */
const closers: ReadonlySet<number | undefined> = new Set([0x7d, 0x5d, 0x0a, 0x0d, 0x20]);

/** A header's value that may be sent on. */
function printable(value: string): string {
  return value.replace(/[^\x20-\x7e]/g, '');
}

function text(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}
