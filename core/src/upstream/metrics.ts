import type { Meter } from '../sdk/index.ts';
import type { Upstream } from './upstream.ts';

const states = ['closed', 'open', 'half-open'] as const;

/** What a plugin in front of upstreams measures. Made once per plugin, since names are taken once. */
export class UpstreamMetrics {
  readonly #attempts;
  readonly #retries;
  readonly #watched = new Map<string, readonly Upstream[]>();

  constructor(meter: Meter) {
    const watched = this.#watched;
    const each = (set: (labels: { model: string; upstream: string }, upstream: Upstream) => void): void => {
      for (const [model, upstreams] of watched) {
        for (const upstream of upstreams) set({ model, upstream: String(upstream.index + 1) }, upstream);
      }
    };
    meter.gauge({
      name: 'upstream_up',
      help: 'Whether an upstream would be given a call: 1 yes, 0 no',
      labelNames: ['model', 'upstream'],
      collect() {
        this.reset();
        each((labels, upstream) =>
          this.set(labels, upstream.healthy !== false && upstream.breaker.state() !== 'open' ? 1 : 0),
        );
      },
    });
    meter.gauge({
      name: 'breaker_state',
      help: "State of an upstream's breaker: 1 for the one it is in",
      labelNames: ['model', 'upstream', 'state'],
      collect() {
        this.reset();
        each((labels, upstream) => {
          for (const state of states) this.set({ ...labels, state }, upstream.breaker.state() === state ? 1 : 0);
        });
      },
    });
    meter.gauge({
      name: 'upstream_requests_running',
      help: 'Calls that an upstream is working on',
      labelNames: ['model', 'upstream'],
      collect() {
        this.reset();
        each((labels, upstream) => this.set(labels, upstream.outstanding));
      },
    });
    this.#attempts = meter.counter({
      name: 'upstream_requests_total',
      help: 'Attempts at an upstream, by how they ended',
      labelNames: ['model', 'upstream', 'outcome'],
    });
    this.#retries = meter.counter({
      name: 'retries_total',
      help: 'Calls that were made again at another upstream',
      labelNames: ['model'],
    });
  }

  /** The part of one model. */
  of(model: string): FleetMetrics {
    // Kept, because making a labelled child costs more than counting.
    const attempts = { ok: [], failed: [], refused: [], cancelled: [] } as Record<Outcome, { inc(): void }[]>;
    return {
      watch: (upstreams) => this.#watched.set(model, upstreams),
      forget: () => this.#watched.delete(model),
      attempted: ({ index }, outcome) => {
        const counters = attempts[outcome];
        counters[index] ??= this.#attempts.labels({ model, upstream: String(index + 1), outcome });
        counters[index].inc();
      },
      retried: () => this.#retries.inc({ model }),
    };
  }
}

type Outcome = 'ok' | 'failed' | 'refused' | 'cancelled';

export interface FleetMetrics {
  watch(upstreams: readonly Upstream[]): void;
  forget(): void;
  attempted(upstream: Upstream, outcome: Outcome): void;
  retried(): void;
}
