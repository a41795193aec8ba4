import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { Failure, type RawRequest, type Sink } from '../sdk/index.ts';
import { errorLimit, type Refusal, refusalOf } from './refusal.ts';
import type { Renaming } from './renaming.ts';
import { StreamGuard } from './stream-guard.ts';
import type { Upstream } from './upstream.ts';

/** A reply of JSON up to this is gathered and checked before it is passed on. Bytes. */
const gatherLimit = 1024 * 1024;

/** How one attempt ended when the sink was not used up by it. */
export interface Attempt {
  readonly failure: Failure;
  /** The upstream is to blame, and nothing was sent: another may be asked. */
  readonly again: boolean;
  readonly refusal?: Refusal;
  readonly status?: number;
}

export interface Passage {
  readonly upstream: Upstream;
  readonly request: RawRequest;
  readonly body: Uint8Array | Readable;
  readonly sink: Sink;
  readonly signal: AbortSignal;
  /** Undefined when the names are the same. */
  readonly renaming: Renaming | undefined;
}

/**
 * Sends a request to an upstream and its reply to the sink, byte by byte. Resolves with undefined when the sink has been
 * ended or failed, else with how the attempt failed. A class, not closures: this is the hot path.
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
      },
      handler,
    );
    if (signal.aborted) handler.cancel();
    else signal.addEventListener('abort', handler.cancel, { once: true });
  });
}

type Mode = 'head' | 'events' | 'gather' | 'pass' | 'error';

class Handler implements Dispatcher.DispatchHandler {
  readonly #passage: Passage;
  readonly #resolve: (attempt: Attempt | undefined) => void;
  readonly #guard = new StreamGuard();
  #controller: Dispatcher.DispatchController | undefined;
  #mode: Mode = 'head';
  #status = 0;
  #type = '';
  #retryAfter: string | undefined;
  #chunks: Buffer[] = [];
  #size = 0;
  #over = false;

  constructor(passage: Passage, resolve: (attempt: Attempt | undefined) => void) {
    this.#passage = passage;
    this.#resolve = resolve;
  }

  readonly cancel = (): void => {
    this.#controller?.abort(this.#passage.signal.reason as Error);
  };

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#passage.signal.aborted) this.cancel();
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: Readonly<Record<string, string | string[] | undefined>>,
  ): void {
    if (status < 200) return;
    const { sink, upstream, request } = this.#passage;
    this.#status = status;
    this.#type = text(headers['content-type']) ?? '';
    if (status >= 300) {
      this.#retryAfter = text(headers['retry-after']);
      this.#mode = 'error';
      return;
    }
    const encoding = text(headers['content-encoding']);
    if (encoding !== undefined && encoding !== 'identity') {
      this.#break(controller, `${upstream.title} compressed its reply although it was asked not to`);
    } else if (this.#type.startsWith('text/event-stream')) {
      this.#mode = 'events';
      sink.head(200, { 'content-type': this.#type });
    } else if (sink.open) {
      this.#break(
        controller,
        `${upstream.title} answered with ${this.#type || 'no type'} where a stream was asked for`,
      );
    } else if (this.#type.startsWith('application/json')) {
      this.#mode = 'gather';
    } else if (request.task === 'transcribe' && /^text\/(?:plain|vtt)|^application\/x-subrip/.test(this.#type)) {
      this.#mode = 'pass';
      const length = text(headers['content-length']);
      sink.head(status, { 'content-type': this.#type, ...(length !== undefined && { 'content-length': length }) });
    } else {
      this.#break(controller, `${upstream.title} answered with ${this.#type || 'no content type'} instead of JSON`);
    }
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#over) return;
    switch (this.#mode) {
      case 'events': {
        const bytes = this.#guard.push(chunk);
        if (bytes) this.#write(controller, bytes);
        break;
      }
      case 'pass':
        this.#write(controller, chunk);
        break;
      case 'error':
        this.#size += chunk.length;
        if (this.#size <= errorLimit) this.#chunks.push(chunk);
        break;
      case 'gather':
        this.#size += chunk.length;
        this.#chunks.push(chunk);
        if (this.#size > gatherLimit) this.#openLarge(controller);
        break;
    }
  }

  onResponseEnd(): void {
    if (this.#over) return;
    const { sink, upstream } = this.#passage;
    switch (this.#mode) {
      case 'events': {
        const rest = this.#guard.rest();
        if (rest) sink.write(this.#renamed(rest));
        if (this.#guard.done) this.#finish(() => sink.end());
        else this.#cut(`${upstream.title} ended its stream without saying that the answer is whole`);
        break;
      }
      case 'pass':
        this.#finish(() => sink.end());
        break;
      case 'gather':
        this.#endJson();
        break;
      case 'error':
        this.#refuse();
        break;
      default:
        this.#settle({
          failure: new Failure('backend_failed', `${upstream.title} closed the connection without a reply`),
          again: true,
        });
    }
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#over) return;
    const { signal, upstream, sink } = this.#passage;
    if (signal.aborted) {
      this.#settle({ failure: Failure.from(signal.reason, 'cancelled'), again: false });
      return;
    }
    const failure = failureOf(error, upstream);
    if (this.#mode === 'events') {
      const rest = this.#guard.rest();
      if (rest) sink.write(this.#renamed(rest));
    }
    // A body that was read from the client cannot be sent twice.
    if (!sink.open) this.#settle({ failure, again: this.#passage.body instanceof Uint8Array });
    else this.#cut(failure.message, failure.code);
  }

  #write(controller: Dispatcher.DispatchController, bytes: Buffer): void {
    if (this.#passage.sink.write(this.#renamed(bytes))) return;
    controller.pause();
    this.#passage.sink.drained(() => controller.resume());
  }

  #renamed(bytes: Buffer): Buffer {
    return this.#passage.renaming?.apply(bytes) ?? bytes;
  }

  /** JSON that is too large to gather: watched at its ends only. */
  #openLarge(controller: Dispatcher.DispatchController): void {
    this.#mode = 'pass';
    this.#passage.sink.head(this.#status, { 'content-type': this.#type });
    this.#write(controller, Buffer.concat(this.#chunks));
    this.#chunks = [];
  }

  #endJson(): void {
    const { sink, upstream } = this.#passage;
    const bytes = Buffer.concat(this.#chunks);
    try {
      JSON.parse(bytes.toString());
    } catch {
      const what = bytes.length === 0 ? 'an empty reply' : 'a reply that is no whole JSON';
      this.#settle({ failure: new Failure('backend_failed', `${upstream.title} sent ${what}`), again: true });
      return;
    }
    const body = this.#renamed(bytes);
    this.#finish(() => {
      sink.head(this.#status, { 'content-type': this.#type, 'content-length': String(body.length) });
      sink.write(body);
      sink.end();
    });
  }

  #refuse(): void {
    const refusal = refusalOf(this.#passage.upstream, this.#status, this.#retryAfter, Buffer.concat(this.#chunks));
    const again = refusal.unwell || this.#status === 429;
    this.#settle({
      failure: refusal.failure,
      again: again && this.#passage.body instanceof Uint8Array,
      refusal,
      status: this.#status,
    });
  }

  /** Ends the exchange with the upstream because of what it sent. */
  #break(controller: Dispatcher.DispatchController, reason: string): void {
    const failure = new Failure('backend_failed', reason);
    const { sink } = this.#passage;
    if (sink.open) this.#cut(reason);
    else this.#settle({ failure, again: true });
    controller.abort(failure);
  }

  /** After the first byte: the client must see that the answer is not whole. */
  #cut(reason: string, code: Failure['code'] = 'backend_failed'): void {
    const failure = new Failure(code, reason);
    this.#passage.sink.fail(failure);
    this.#settle({ failure, again: false });
  }

  #finish(end: () => void): void {
    end();
    this.#settle(undefined);
  }

  #settle(attempt: Attempt | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.#passage.signal.removeEventListener('abort', this.cancel);
    this.#resolve(attempt);
  }
}

/** undici's errors in words. */
export function failureOf(error: Error & { readonly code?: string }, { title }: Upstream): Failure {
  switch (error.code) {
    case 'UND_ERR_HEADERS_TIMEOUT':
      return new Failure('timeout', `${title} sent nothing within timeouts.first_byte`);
    case 'UND_ERR_BODY_TIMEOUT':
      return new Failure('timeout', `${title} fell silent in the middle of its reply for longer than timeouts.idle`);
    case 'UND_ERR_CONNECT_TIMEOUT':
      return new Failure('backend_failed', `${title} could not be reached within timeouts.connect`);
    case 'ECONNREFUSED':
      return new Failure('backend_failed', `${title} refused the connection`);
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new Failure('backend_failed', `${title} has a name that does not resolve`);
    case 'ECONNRESET':
    case 'EPIPE':
    case 'UND_ERR_SOCKET':
      return new Failure('backend_failed', `${title} broke the connection`);
    default:
      return error instanceof Failure
        ? error
        : new Failure('backend_failed', `${title} failed: ${error.code ?? error.name}`);
  }
}

function text(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}
