import type { OutgoingHttpHeaders } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import {
  Failure,
  type FinishReason,
  type Lane,
  type Observer,
  type Operation,
  type Outcome,
  type Principal,
  type Settled,
  type Usage,
} from '../sdk/index.ts';
import { EventReply } from './event-reply.ts';

/** How long an aborted reply may take to end. ms. */
const graceMs = 1_000;

/** One HTTP request from its arrival to its last byte: who, for how long, and how it ended. Emits its signals. */
export class Exchange {
  readonly id: string;
  readonly operation: Operation;
  /** Undefined on an open route that was called without a key. */
  principal: Principal | undefined;
  /** The reply, if it is one of events. */
  events: EventReply | undefined;
  /** Of the server's list. */
  place = 0;
  readonly #abort = new AbortController();
  readonly #emit: Observer;
  readonly #begin = performance.now();
  #lastOutput: number | undefined;
  #deadline: NodeJS.Timeout | undefined;
  #cut: NodeJS.Timeout | undefined;
  readonly #reply: FastifyReply['raw'];
  /** Filled as the call goes on; what observers get at its end. */
  readonly #settled: { -readonly [K in keyof Settled]: Settled[K] };
  #answered = false;
  #over = false;
  readonly #afterwards: ((usage: Usage | undefined) => void)[] = [];
  #usedSoFar: (() => Usage | undefined) | undefined;

  /** `over` is told when it has settled, after all others. */
  constructor(
    request: FastifyRequest,
    reply: FastifyReply,
    route: string,
    operation: Operation,
    emit: Observer,
    over: (exchange: Exchange) => void,
  ) {
    this.id = request.id;
    this.operation = operation;
    this.#emit = emit;
    this.#reply = reply.raw;
    this.#settled = {
      type: 'settled',
      call: request.id,
      operation,
      method: request.method,
      route,
      status: 0,
      outcome: 'ok',
      stream: false,
      totalMs: 0,
    };
    emit({ type: 'received', call: this.id, operation });
    reply.raw.once('close', () => {
      this.#settle(reply.raw.statusCode);
      over(this);
    });
  }

  /** Aborts with a Failure as its reason: `cancelled`, `timeout` or `shutting_down`. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** The reply has a moment to say so; one that its client does not read would stay for ever. */
  abort(reason: Failure): void {
    this.#abort.abort(reason);
    this.#cut ??= setTimeout(() => this.#reply.destroy(), graceMs);
  }

  /** What the request turned out to ask for. */
  aim(model: string, backend: string, deadlineMs: number): void {
    this.#settled.model = model;
    this.#settled.backend = backend;
    // Made when it is due: an error takes a picture of the stack.
    const late = (): Failure => new Failure('timeout', `${model} did not finish within ${deadlineMs / 1000} s.`);
    this.#deadline = setTimeout(() => this.abort(late()), deadlineMs);
  }

  /** The reply will be server-sent events. From now on its silences of `keepAliveMs` are filled. */
  stream(keepAliveMs: number): EventReply {
    this.#settled.stream = true;
    this.events = new EventReply(this.#reply, (status, headers) => this.head(status, headers), keepAliveMs);
    return this.events;
  }

  /** It has reached an instance. */
  get running(): boolean {
    return this.#settled.instance !== undefined;
  }

  /** How the reply travels. */
  take(lane: Lane): void {
    this.#settled.lane = lane;
  }

  admitted(instance: number, waitedMs: number): void {
    this.#settled.instance = instance;
    this.#settled.queueMs = waitedMs;
  }

  /** A header of the reply, unless its head is out: a comment in a stream may have been first. */
  header(name: string, value: string): void {
    if (!this.#reply.headersSent) this.#reply.setHeader(name, value);
  }

  /** Opens the reply. Its id goes with it: set beforehand it would cost as much as all other headers. */
  head(status: number, headers: OutgoingHttpHeaders): void {
    this.#reply.writeHead(status, { 'x-request-id': this.id, ...headers });
  }

  /** A piece of output was made. */
  output(): void {
    const now = performance.now();
    const { model, backend } = this.#settled;
    if (model === undefined || backend === undefined) return;
    const first = this.#lastOutput === undefined;
    const sinceMs = now - (this.#lastOutput ?? this.#begin);
    if (first) this.#settled.ttftMs = sinceMs;
    this.#lastOutput = now;
    this.#emit({ type: 'output', call: this.id, model, backend, first, sinceMs });
  }

  /** Runs once, when the call is over; at once when it is already, as when the client left during a limiter's question. */
  whenSettled(run: (usage: Usage | undefined) => void): void {
    if (this.#over) run(this.#settled.usage);
    else this.#afterwards.push(run);
  }

  /** Where to ask for the tokens of a call whose client does not wait for its end. */
  measure(usedSoFar: () => Usage | undefined): void {
    this.#usedSoFar = usedSoFar;
  }

  /** The reply is whole; what is left is to deliver it. */
  answered(usage?: Usage, finishReason?: FinishReason): void {
    this.#answered = true;
    if (usage) this.#settled.usage = usage;
    if (finishReason) this.#settled.finishReason = finishReason;
  }

  /** The reply will not be what was asked for. */
  failed(failure: Failure): void {
    this.#settled.code ??= failure.code;
    this.#settled.reason ??= failure.message;
  }

  #settle(status: number): void {
    this.#over = true;
    this.events?.release();
    clearTimeout(this.#deadline);
    clearTimeout(this.#cut);
    if (!this.#answered && !this.#settled.code) {
      const gone = new Failure('cancelled', 'The client closed the connection.');
      this.failed(gone);
      const used = this.#usedSoFar?.();
      if (used) this.#settled.usage = used;
      this.#abort.abort(gone);
    }
    for (const run of this.#afterwards) run(this.#settled.usage);
    const settled = this.#settled;
    settled.status = settled.code === 'cancelled' ? 499 : status;
    settled.outcome = outcomeOf(settled.code, status);
    settled.totalMs = performance.now() - this.#begin;
    if (this.principal) settled.principal = this.principal.name;
    // A copy: observers may keep it, and the call's last moves are no part of it.
    this.#emit({ ...settled });
  }
}

function outcomeOf(code: Failure['code'] | undefined, status: number): Outcome {
  switch (code) {
    case undefined:
      return status < 400 ? 'ok' : status < 500 ? 'client_error' : status === 503 ? 'rejected' : 'backend_error';
    case 'cancelled':
      return 'cancelled';
    case 'timeout':
      return 'timeout';
    case 'queue_full':
    case 'not_ready':
    case 'rate_limited':
    case 'shutting_down':
      return 'rejected';
    case 'backend_failed':
    case 'internal':
      return 'backend_error';
    default:
      return 'client_error';
  }
}
