import type { Call, Log, RawRequest, Sink } from '../sdk/index.ts';
import type { Attempt } from './attempt.ts';
import { choose } from './balance.ts';
import { RetryBudget } from './budget.ts';
import type { FleetMetrics } from './metrics.ts';
import { named } from './naming.ts';
import type { UpstreamOptions } from './options.ts';
import { probe } from './probe.ts';
import { pass } from './relay.ts';
import { Renaming } from './renaming.ts';
import { Upstream } from './upstream.ts';

/** How much of a request's beginning tells one conversation from another. Bytes. */
const prefixLength = 1_024;

const none: ReadonlySet<Upstream> = new Set();

/** The servers behind one model: which is asked, which is spared, who is asked next. */
export class Fleet {
  readonly upstreams: readonly Upstream[];
  readonly #model: string;
  readonly #options: UpstreamOptions;
  readonly #log: Log;
  readonly #metrics: FleetMetrics;
  readonly #budget: RetryBudget;
  readonly #renamings: readonly (Renaming | undefined)[];
  #probing: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(model: string, options: UpstreamOptions, log: Log, metrics: FleetMetrics) {
    this.#model = model;
    this.#options = options;
    this.#log = log;
    this.#metrics = metrics;
    this.#budget = new RetryBudget(options.retry.budget);
    this.upstreams = options.upstreams.map((host, index) => new Upstream(index, host, options));
    this.#renamings = this.upstreams.map(({ host }) =>
      host.model === undefined || host.model === model ? undefined : new Renaming(host.model, model),
    );
    metrics.watch(this.upstreams);
  }

  /** The model's name at an upstream. */
  nameAt({ host }: Upstream): string {
    return host.model ?? this.#model;
  }

  /** Resolves after the first round; the next ones follow by themselves. */
  async startProbing(): Promise<void> {
    const { probe: policy } = this.#options;
    if (!policy.enabled) return;
    const round = async (): Promise<void> => {
      await Promise.all(this.upstreams.map((upstream) => this.#probe(upstream)));
      if (this.#closed) return;
      this.#probing = setTimeout(() => void round(), policy.interval);
      this.#probing.unref();
    };
    await round();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#probing);
    this.#metrics.forget();
    for (const upstream of this.upstreams) upstream.close();
  }

  /** Passes a request on, to another upstream when one fails before any output. */
  async forward(request: RawRequest, sink: Sink, call: Call): Promise<void> {
    const route = this.route(this.#keyOf(request), call);
    let last: Attempt | undefined;
    for (let upstream = route.next(); upstream; upstream = route.next(last)) {
      const done = this.begin(upstream, call.signal);
      last = await this.#pass(upstream, request, sink, call.signal);
      done(last);
      if (!last?.again || call.signal.aborted) break;
    }
    request.release?.();
    if (!last) return;
    const { refusal, failure, status } = last;
    if (refusal?.body && status !== undefined && !sink.open) {
      // The upstream's own words about the request, already in OpenAI's shape.
      const wait = failure.retryAfterMs !== undefined && {
        'retry-after': String(Math.ceil(failure.retryAfterMs / 1000)),
      };
      sink.head(status, { 'content-type': 'application/json', 'content-length': String(refusal.body.length), ...wait });
      sink.write(refusal.body);
      sink.end();
    } else sink.fail(failure);
  }

  /** The upstreams that a call is to be tried on, one after the other, as far as attempts and budget go. */
  route(key: string | undefined, call: Call): { next(failed?: Attempt): Upstream | undefined } {
    this.#budget.call();
    // Made for the second attempt: hardly any call needs one.
    let tried: Set<Upstream> | undefined;
    let last: Upstream | undefined;
    let left = this.#options.retry.attempts + 1;
    return {
      next: (failed) => {
        if (left-- === 0) return undefined;
        if (failed) {
          if (!this.#budget.take()) return undefined;
          this.#metrics.retried();
          const { message } = failed.failure;
          call.log.debug({ model: this.#model, after: message }, 'the call is made again');
        }
        if (last) tried = (tried ?? new Set()).add(last);
        // With all of them tried, the best of them once more: a server that was just restarted may answer now.
        last = choose(this.upstreams, tried ?? none, key) ?? choose(this.upstreams, none, key);
        return last;
      },
    };
  }

  /** An attempt begins; call what it returns when it is over. */
  begin(upstream: Upstream, signal: AbortSignal): (attempt: Attempt | undefined) => void {
    upstream.outstanding++;
    upstream.breaker.enter();
    return (attempt) => {
      upstream.outstanding--;
      this.#note(upstream, attempt, signal);
    };
  }

  #pass(upstream: Upstream, request: RawRequest, sink: Sink, signal: AbortSignal): Promise<Attempt | undefined> {
    const renaming = this.#renamings[upstream.index];
    const body = named(request, renaming && this.nameAt(upstream));
    return pass({
      upstream,
      request,
      body,
      sink,
      signal,
      renaming,
    });
  }

  #note(upstream: Upstream, attempt: Attempt | undefined, signal: AbortSignal): void {
    const before = upstream.breaker.state();
    const unknown = signal.aborted || attempt?.blameless === true;
    if (unknown) upstream.breaker.leave();
    else if (!attempt || (attempt.refusal && !attempt.refusal.unwell)) upstream.breaker.succeed();
    else upstream.breaker.fail();
    const wait = attempt?.refusal && attempt.failure.retryAfterMs;
    if (wait) upstream.busyUntil = Date.now() + wait;
    this.#metrics.attempted(
      upstream,
      unknown ? 'cancelled' : attempt ? (attempt.refusal?.unwell === false ? 'refused' : 'failed') : 'ok',
    );
    const after = upstream.breaker.state();
    if (after !== before) {
      const fields = {
        model: this.#model,
        upstream: upstream.index,
        url: upstream.host.url,
        reason: attempt?.failure.message,
      };
      if (after === 'open') this.#log.warn(fields, `${upstream.title} of ${this.#model} gets no calls for a while`);
      else this.#log.info(fields, `${upstream.title} of ${this.#model} gets calls again`);
    }
  }

  async #probe(upstream: Upstream): Promise<void> {
    const healthy = await probe(upstream, this.#options.probe);
    if (healthy === upstream.healthy) return;
    const first = upstream.healthy === undefined;
    upstream.healthy = healthy;
    if (healthy) upstream.breaker.succeed();
    const fields = { model: this.#model, upstream: upstream.index, url: upstream.host.url };
    if (!healthy) this.#log.warn(fields, `${upstream.title} of ${this.#model} does not answer its probe`);
    else if (!first) this.#log.info(fields, `${upstream.title} of ${this.#model} answers again`);
  }

  #keyOf(request: RawRequest): string | undefined {
    const { affinity } = this.#options;
    if (affinity === 'none') return undefined;
    if (affinity !== 'prefix') return request.header(affinity.header);
    return request.body instanceof Uint8Array
      ? Buffer.from(request.body).toString('latin1', 0, prefixLength)
      : undefined;
  }
}
