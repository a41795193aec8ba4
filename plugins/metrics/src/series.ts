import type { InstanceState } from '@backplane/core/sdk';
import type { Families } from './families.ts';

const states: readonly InstanceState[] = ['stopped', 'loading', 'ready', 'degraded', 'unloading', 'failed'];

/** A gauge that counts up and down and never below zero, should a signal come twice or not at all. */
export class Level {
  readonly #gauge: { set(value: number): void };
  #value = 0;

  constructor(gauge: { set(value: number): void }) {
    this.#gauge = gauge;
    gauge.set(0);
  }

  up(): void {
    this.#gauge.set(++this.#value);
  }

  down(): void {
    if (this.#value > 0) this.#gauge.set(--this.#value);
  }
}

/** What is measured per model, with the labels bound once: signals come per token. Counters show 0 from the start. */
export class ModelSeries {
  readonly waiting: Level;
  readonly queue;
  readonly firstToken;
  readonly interToken;
  readonly promptTokens;
  readonly generationTokens;
  readonly cachedTokens;

  constructor(families: Families, model: string, backend: string) {
    this.waiting = new Level(families.waiting.labels(model, backend));
    this.queue = families.queue.labels(model, backend);
    this.firstToken = families.firstToken.labels(model, backend);
    this.interToken = families.interToken.labels(model, backend);
    this.promptTokens = families.promptTokens.labels(model, backend);
    this.generationTokens = families.generationTokens.labels(model, backend);
    this.cachedTokens = families.cachedTokens.labels(model, backend);
    for (const counter of [this.promptTokens, this.generationTokens, this.cachedTokens]) counter.inc(0);
  }
}

/** What is measured per instance. */
export class InstanceSeries {
  readonly running: Level;
  readonly restarts;
  readonly load;
  readonly #states: ReadonlyMap<InstanceState, { set(value: number): void }>;

  constructor(families: Families, model: string, backend: string, instance: string) {
    this.running = new Level(families.running.labels(model, backend, instance));
    this.restarts = families.restarts.labels(model, backend, instance);
    this.restarts.inc(0);
    this.load = families.load.labels(model, backend, instance);
    this.#states = new Map(states.map((state) => [state, families.state.labels(model, backend, instance, state)]));
  }

  enter(current: InstanceState): void {
    for (const [state, gauge] of this.#states) gauge.set(state === current ? 1 : 0);
  }
}
