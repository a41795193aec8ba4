import { type InstanceState, instanceStates, unloadCauses } from '@backplane/core/sdk';
import type { Families } from './families.ts';
import { Level, Tally } from './late.ts';

/** What is measured per model, with the labels bound once: signals come per token. */
export class ModelSeries {
  readonly waiting: Level;
  readonly queue;
  readonly firstToken;
  readonly interToken;
  readonly promptTokens: Tally;
  readonly generationTokens: Tally;
  readonly cachedTokens: Tally;

  constructor(families: Families, model: string, backend: string) {
    this.waiting = new Level(families.waiting, model, backend);
    this.queue = families.queue.labels(model, backend);
    this.firstToken = families.firstToken.labels(model, backend);
    this.interToken = families.interToken.labels(model, backend);
    this.promptTokens = new Tally(families.promptTokens, model, backend);
    this.generationTokens = new Tally(families.generationTokens, model, backend);
    this.cachedTokens = new Tally(families.cachedTokens, model, backend);
  }
}

/** What is measured per instance. */
export class InstanceSeries {
  readonly running: Level;
  readonly restarts;
  readonly load;
  readonly #states: ReadonlyMap<InstanceState, { set(value: number): void }>;

  constructor(families: Families, model: string, backend: string, instance: string) {
    this.running = new Level(families.running, model, backend, instance);
    this.restarts = families.restarts.labels(model, backend, instance);
    this.restarts.inc(0);
    for (const cause of unloadCauses) families.unloads.labels(model, backend, instance, cause).inc(0);
    this.load = families.load.labels(model, backend, instance);
    this.#states = new Map(
      instanceStates.map((state) => [state, families.state.labels(model, backend, instance, state)]),
    );
  }

  enter(current: InstanceState): void {
    for (const [state, gauge] of this.#states) gauge.set(state === current ? 1 : 0);
  }
}
