import type { Counter, Gauge } from 'prom-client';

/**
 * A metric whose numbers are kept here and handed over when somebody reads them: prom-client makes a string of the labels
 * at every change, and these change several times per call.
 */
export class Late<Metric> {
  readonly metric: Metric;
  readonly #tellers: (() => void)[] = [];

  /** `make` is given what prom-client calls before it shows the metric. */
  constructor(make: (collect: () => void) => Metric) {
    this.metric = make(() => {
      for (const tell of this.#tellers) tell();
    });
  }

  /** `tell` hands over the number of one set of labels. */
  add(tell: () => void): void {
    this.#tellers.push(tell);
  }
}

/** A gauge that counts up and down and never below zero, should a signal come twice or not at all. */
export class Level {
  #value = 0;

  constructor(late: Late<Gauge>, ...labels: string[]) {
    const child = late.metric.labels(...labels);
    late.add(() => child.set(this.#value));
  }

  up(): void {
    this.#value++;
  }

  down(): void {
    if (this.#value > 0) this.#value--;
  }
}

/** A counter that shows 0 from the start. */
export class Tally {
  #untold = 0;

  constructor(late: Late<Counter>, ...labels: string[]) {
    const child = late.metric.labels(...labels);
    late.add(() => {
      child.inc(this.#untold);
      this.#untold = 0;
    });
  }

  inc(by = 1): void {
    this.#untold += by;
  }
}
