import type { FastifyReply } from 'fastify';
import { UsageTap } from '../openai/usage-tap.ts';
import type { Failure, Sink, Usage } from '../sdk/index.ts';
import type { EventReply } from './event-reply.ts';
import type { Exchange } from './exchange.ts';
import type { TaskSurroundings } from './surroundings.ts';

/** Up to this a whole body goes out in one piece with its head. Bytes. */
const joined = 16 * 1024;

/** Writes a relayed reply to the client as it comes: events, or anything else. */
export class RelaySink implements Sink {
  readonly #reply: FastifyReply;
  readonly #exchange: Exchange;
  readonly #around: TaskSurroundings;
  readonly #tap = new UsageTap();
  #promptTokens: (() => number) | undefined;
  /** Undefined for a reply that is no stream of events. */
  #events: EventReply | undefined;
  #open = false;
  #written = false;
  /** Of the body, if its head said so. */
  #length = Number.NaN;
  /** The body, which came in one piece: it is written with its end. */
  #whole: Uint8Array | undefined;

  constructor(reply: FastifyReply, around: TaskSurroundings) {
    this.#reply = reply;
    this.#exchange = reply.request.exchange;
    this.#around = around;
    this.#events = this.#exchange.events;
  }

  /**
   * What a stream costs whose upstream does not say, as far as it got; and whatever its client does not wait for, of which
   * nothing may have come. `promptTokens`: about how many there were.
   */
  estimate(promptTokens: () => number): void {
    this.#promptTokens = promptTokens;
    const prompt = (): Usage => ({ promptTokens: promptTokens(), completionTokens: 0, estimated: true });
    this.#exchange.measure(() => this.#usage ?? (this.#exchange.running ? prompt() : undefined));
  }

  get #usage(): Usage | undefined {
    return this.#tap.read() ?? (this.#events && this.#promptTokens && this.#tap.estimate(this.#promptTokens));
  }

  get open(): boolean {
    return this.#events?.open ?? this.#open;
  }

  head(status: number, headers: Readonly<Record<string, string>>): void {
    if (this.open) return;
    const type = headers['content-type'];
    if (type?.startsWith('text/event-stream')) {
      // One that was not asked for: a transcript may come as a stream.
      this.#events ??= this.#exchange.stream(this.#around.keepAliveMs);
      this.#events.begin(status, type);
      return;
    }
    this.#events?.release();
    this.#events = undefined;
    this.#open = true;
    this.#length = Number(headers['content-length']);
    this.#exchange.head(status, headers);
  }

  write(chunk: Uint8Array): boolean {
    if (!this.#written) this.#exchange.output();
    this.#written = true;
    this.#tap.pass(chunk);
    if (this.#events) return this.#events.write(chunk);
    if (chunk.length !== this.#length) return this.#reply.raw.write(chunk);
    this.#whole = chunk;
    return true;
  }

  drained(resume: () => void): void {
    if (this.#events) this.#events.drained(resume);
    else this.#reply.raw.once('drain', resume);
  }

  end(): void {
    this.#exchange.answered(this.#usage);
    const whole = this.#whole;
    if (this.#events) this.#events.end();
    // Letters for bytes, one by one: text Node sends in one piece with the head.
    else if (whole && whole.length <= joined) {
      const { buffer, byteOffset, length } = whole;
      this.#reply.raw.end(Buffer.from(buffer, byteOffset, length).toString('latin1'), 'latin1');
    } else this.#reply.raw.end(whole);
  }

  fail(failure: Failure): void {
    this.#around.refuse(this.#reply.request, this.#reply, failure);
  }
}
