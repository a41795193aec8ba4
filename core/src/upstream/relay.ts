import { Readable } from 'node:stream';
import { Failure } from '../sdk/index.ts';
import type { Attempt, Passage } from './attempt.ts';
import { faultOf, gatherLimit, mayEndJson } from './json-reply.ts';
import { failureOf } from './outage.ts';
import { complaint, errorLimit, refusalOf } from './refusal.ts';
import { RenamingStream } from './renaming.ts';
import { modeFor, printable } from './reply-mode.ts';
import { StreamGuard } from './stream-guard.ts';
import type { ReplyHead } from './wire/reply-head.ts';
import type { Flow, ReplyReader } from './wire/request.ts';

/**
 * Sends a request to an upstream and its reply to the sink, byte by byte. Resolves with undefined when the sink has been
 * ended, else with how the attempt failed; the sink has been told nothing of that. A class, not closures: the hot path.
 */
export function pass(passage: Passage): Promise<Attempt | undefined> {
  return new Promise((resolve) => {
    const { upstream, request, body, signal } = passage;
    const handler = new Handler(passage, resolve);
    upstream.connections.dispatch(
      {
        method: 'POST',
        path: upstream.base + request.path,
        headers: [
          'content-type',
          request.headers['content-type'],
          'accept',
          request.stream ? 'text/event-stream' : 'application/json',
          // A compressed reply could not be watched, and clients did not ask for one.
          'accept-encoding',
          'identity',
          ...upstream.credentials,
        ],
        body,
      },
      handler,
    );
    if (signal.aborted) handler.cancel();
    else signal.addEventListener('abort', handler.cancel, { once: true });
  });
}

type Mode = 'head' | 'begun' | 'events' | 'gather' | 'pass' | 'error';

class Handler implements ReplyReader {
  readonly #passage: Passage;
  readonly #resolve: (attempt: Attempt | undefined) => void;
  readonly #guard = new StreamGuard();
  readonly #renaming: RenamingStream | undefined;
  #flow: Flow | undefined;
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

  constructor(passage: Passage, resolve: (attempt: Attempt | undefined) => void) {
    this.#passage = passage;
    this.#resolve = resolve;
    this.#renaming = passage.renaming && new RenamingStream(passage.renaming);
  }

  /** Does not wait for a connection that is still being made. */
  readonly cancel = (): void => {
    const { signal } = this.#passage;
    this.#settle({ failure: Failure.from(signal.reason, 'cancelled'), again: false });
    this.#flow?.abort(this);
  };

  begin(flow: Flow): void {
    this.#flow = flow;
  }

  head({ status, type, encoding, retryAfter, length }: ReplyHead): void {
    const { sink, upstream, request } = this.#passage;
    this.#mode = 'begun';
    this.#status = status;
    this.#type = printable(type ?? '');
    if (status >= 300) {
      this.#retryAfter = retryAfter;
      this.#mode = 'error';
      return;
    }
    if (encoding !== undefined && encoding !== 'identity') {
      this.#break(`${upstream.title} compressed its reply although it was asked not to`);
      return;
    }
    const mode = modeFor(this.#type, request);
    // What the client was promised by a comment is events.
    if (mode === undefined || (sink.open && mode !== 'events')) {
      const wanted = sink.open || request.stream ? 'where a stream was asked for' : 'instead of JSON';
      this.#break(`${upstream.title} answered with ${this.#type || 'no content type'} ${wanted}`);
      return;
    }
    // Its head waits for the first event or for the whole: until then another upstream may still be asked.
    this.#mode = mode;
    if (mode === 'pass') this.#open(length);
  }

  data(chunk: Buffer): void {
    switch (this.#mode) {
      case 'events':
        this.#pass(chunk);
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

  #pass(chunk: Buffer): void {
    const bytes = this.#guard.push(chunk);
    if (bytes) this.#write(bytes);
    const { complaint: error } = this.#guard;
    if (error !== undefined) this.#fail(complaint(this.#passage.upstream, error));
  }

  end(): void {
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

  fail(error: Error): void {
    // A Failure comes out of the body, which is still being read from the client.
    if (error instanceof Failure) this.#settle({ failure: error, again: false, blameless: true });
    else this.#lost(failureOf(error, this.#passage.upstream));
  }

  /** No more will come from the upstream. */
  #lost(failure: Failure): void {
    // It had said what it had to say.
    if (this.#mode === 'error') this.#refuse();
    else if (this.#mode !== 'events' || !this.#endEvents()) this.#fail(failure);
  }

  /** Opens the reply. */
  #open(length?: number): void {
    this.#begun = true;
    const type = this.#type;
    this.#passage.sink.head(
      this.#status,
      length === undefined ? { 'content-type': type } : { 'content-type': type, 'content-length': String(length) },
    );
  }

  #write(bytes: Buffer): void {
    const { sink } = this.#passage;
    if (!this.#begun) this.#open();
    const renamed = this.#renaming ? this.#renaming.push(bytes) : bytes;
    if (renamed.length === 0 || sink.write(renamed)) return;
    const flow = this.#flow as Flow;
    // It is the client who is slow.
    flow.pause(this);
    sink.drained(() => flow.resume(this));
  }

  /** JSON that is too large to gather: watched at its ends only. */
  #openLarge(): void {
    const bytes = this.#gathered();
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
    if (json && !mayEndJson(this.#last)) {
      this.#fail(new Failure('backend_failed', `${title} sent a reply that is no whole JSON`));
    } else this.#finish();
  }

  #endJson(): void {
    const { sink, upstream, renaming } = this.#passage;
    const bytes = this.#gathered();
    const fault = faultOf(bytes, upstream);
    if (fault) {
      this.#fail(fault);
      return;
    }
    const body = renaming ? renaming.apply(bytes) : bytes;
    this.#open(body.length);
    sink.write(body);
    sink.end();
    this.#settle(undefined);
  }

  #gathered(): Buffer {
    return this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks);
  }

  #refuse(): void {
    const refusal = refusalOf(this.#passage.upstream, this.#status, this.#retryAfter, this.#gathered());
    const again = refusal.unwell || this.#status === 429;
    this.#settle({ failure: refusal.failure, again: again && this.#repeatable, refusal, status: this.#status });
    // Ends a body that has no end; after a whole one there is nothing to abort.
    if (this.#size > errorLimit) this.#flow?.abort(this);
  }

  #break(reason: string): void {
    this.#fail(new Failure('backend_failed', reason));
  }

  /** Ends the attempt because of what the upstream sent or did not send. */
  #fail(failure: Failure): void {
    this.#settle({ failure, again: !this.#begun && this.#repeatable });
    this.#flow?.abort(this);
  }

  /** A body that was read from the client cannot be sent twice. */
  get #repeatable(): boolean {
    return !(this.#passage.body instanceof Readable);
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
    this.#passage.signal.removeEventListener('abort', this.cancel);
    this.#resolve(attempt);
  }
}
