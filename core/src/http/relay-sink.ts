import type { FastifyReply } from 'fastify';
import { errorBody } from '../openai/error.ts';
import { frame, keepAlive } from '../openai/sse.ts';
import { UsageTap } from '../openai/usage-tap.ts';
import type { Failure, Sink, Usage } from '../sdk/index.ts';
import type { Exchange } from './exchange.ts';
import { StreamBody } from './stream-body.ts';

/** Up to this a whole body goes out in one piece with its head. Bytes. */
const joined = 16 * 1024;

/** Writes a relayed reply to the client as it comes. Like `EventStream`, but for bytes that are somebody else's. */
export class RelaySink implements Sink {
  readonly #response: FastifyReply['raw'];
  readonly #exchange: Exchange;
  readonly #tap = new UsageTap();
  readonly #refuse: (failure: Failure) => void;
  #promptTokens: (() => number) | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Of the last write. */
  #when = 0;
  /** Undefined for a reply that is no stream of events. */
  #events: StreamBody | undefined;
  #last: Uint8Array | undefined;
  /** Of the body, if its head said so. */
  #length = Number.NaN;
  /** The body, which came in one piece: it is written with its end. */
  #whole: Uint8Array | undefined;
  open = false;

  /** `refuse` answers with a status and an error body, as long as nothing was sent. */
  constructor(reply: FastifyReply, exchange: Exchange, refuse: (failure: Failure) => void) {
    this.#response = reply.raw;
    this.#exchange = exchange;
    this.#refuse = refuse;
  }

  /** What a stream costs whose upstream does not say, as far as it got. `promptTokens`: about how many there were. */
  estimate(promptTokens: () => number): void {
    this.#promptTokens = promptTokens;
    this.#exchange.measure(() => this.#usage);
  }

  get #usage(): Usage | undefined {
    return this.#tap.read() ?? (this.#events && this.#promptTokens && this.#tap.estimate(this.#promptTokens));
  }

  /** From now on silences are filled with comments; the first one commits to 200. */
  keepAlive(everyMs: number): void {
    this.#when = performance.now();
    const look = (): void => {
      // A timer that each chunk moves on would cost more than the chunk's way through here.
      const left = this.#when + everyMs - performance.now();
      this.#timer = setTimeout(look, left > 0 ? left : everyMs);
      if (left <= 0) this.#fill();
    };
    this.#timer = setTimeout(look, everyMs);
  }

  #fill(): void {
    if (!this.open) this.head(200, { 'content-type': 'text/event-stream; charset=utf-8' });
    // An event that is too long to be held back may be half out: a comment would end it.
    if (endsEvent(this.#last)) this.#events?.write(keepAlive);
  }

  head(status: number, headers: Readonly<Record<string, string>>): void {
    if (this.open) return;
    this.open = true;
    this.#length = Number(headers['content-length']);
    if (headers['content-type']?.startsWith('text/event-stream')) this.#events = new StreamBody(this.#response);
    this.#exchange.head(
      status,
      this.#events ? { ...headers, 'cache-control': 'no-cache', 'x-accel-buffering': 'no' } : headers,
    );
  }

  write(chunk: Uint8Array): boolean {
    if (!this.#last) this.#exchange.output();
    this.#last = chunk;
    this.#when = performance.now();
    this.#tap.pass(chunk);
    if (chunk.length === this.#length) {
      this.#whole = chunk;
      return true;
    }
    return (this.#events ?? this.#response).write(chunk);
  }

  drained(resume: () => void): void {
    if (this.#events) this.#events.drained(resume);
    else this.#response.once('drain', resume);
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#exchange.answered(this.#usage);
    const whole = this.#whole;
    // Letters for bytes, one by one: text Node sends in one piece with the head.
    if (whole && whole.length <= joined) {
      const { buffer, byteOffset, length } = whole;
      this.#response.end(Buffer.from(buffer, byteOffset, length).toString('latin1'), 'latin1');
    } else this.#response.end(whole);
  }

  fail(failure: Failure): void {
    clearTimeout(this.#timer);
    if (!this.open) {
      this.#refuse(failure);
      return;
    }
    this.#exchange.failed(failure);
    if (this.#events) {
      this.#response.write(frame(JSON.stringify(errorBody(failure))), () => this.#response.destroy());
    } else this.#response.destroy();
  }
}

/** Nothing so far, or a blank line at the end. */
function endsEvent(bytes: Uint8Array | undefined): boolean {
  return bytes === undefined || /\n\r?\n$/.test(Buffer.from(bytes.subarray(-3)).toString('latin1'));
}
