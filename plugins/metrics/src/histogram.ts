import type { Histogram as Registered, Registry } from 'prom-client';

/** Observations of one set of labels. */
export class Distribution {
  readonly #bounds: readonly number[];
  /** Per bucket, not yet summed up; the last has no bound. */
  readonly #counts: number[];
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Array<number>(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    const bounds = this.#bounds;
    let bucket = 0;
    while (bucket < bounds.length && value > (bounds[bucket] as number)) bucket++;
    (this.#counts[bucket] as number)++;
    this.#sum += value;
  }

  reset(): void {
    this.#counts.fill(0);
    this.#sum = 0;
  }

  /** As Prometheus counts: every bucket holds what is in those below it. */
  read(): { readonly buckets: readonly number[]; readonly sum: number; readonly count: number } {
    let count = 0;
    const buckets = this.#counts.map((own) => {
      count += own;
      return count;
    });
    return { buckets, sum: this.#sum, count };
  }
}

/**
 * A histogram that is kept here and shown by prom-client: its own makes a string of the labels at every observation, three
 * times per call.
 */
export class Histogram {
  readonly name: string;
  readonly help: string;
  readonly type = 'histogram';
  readonly aggregator = 'sum';
  readonly #labelNames: readonly string[];
  readonly #bounds: readonly number[];
  readonly #series: { readonly labels: Readonly<Record<string, string>>; readonly distribution: Distribution }[] = [];

  constructor(
    registry: Registry,
    name: string,
    help: string,
    labelNames: readonly string[],
    bounds: readonly number[],
  ) {
    this.name = name;
    this.help = help;
    this.#labelNames = labelNames;
    this.#bounds = bounds;
    // All that a registry asks of a metric is here; its type names the classes of prom-client.
    registry.registerMetric(this as unknown as Registered);
  }

  /** Made anew each time: ask once per set of labels and keep it. */
  labels(...values: string[]): Distribution {
    const distribution = new Distribution(this.#bounds);
    const labels = Object.fromEntries(this.#labelNames.map((name, at) => [name, values[at] ?? '']));
    this.#series.push({ labels, distribution });
    return distribution;
  }

  /** What prom-client calls before it shows the metric. A series without observations is not shown. */
  async get(): Promise<object> {
    const { name, help, type, aggregator } = this;
    const values = this.#series.flatMap(({ labels, distribution }) => {
      const { buckets, sum, count } = distribution.read();
      if (count === 0) return [];
      const bounds = [...this.#bounds, '+Inf'];
      return [
        ...buckets.map((value, at) => ({
          metricName: `${name}_bucket`,
          labels: { le: bounds[at], ...labels },
          value,
        })),
        { metricName: `${name}_sum`, labels, value: sum },
        { metricName: `${name}_count`, labels, value: count },
      ];
    });
    return { name, help, type, values, aggregator };
  }

  reset(): void {
    for (const { distribution } of this.#series) distribution.reset();
  }
}
