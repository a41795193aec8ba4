import { figure, median, table } from '../table.ts';
import { ProcessTree } from '../tree.ts';
import type { Gateway } from './gateway.ts';
import { type Outcome, run } from './jobs.ts';
import type { Part } from './parts.ts';

/** One part of one gateway in one round. */
interface Sample extends Outcome {
  /** Per request or per chunk, µs. */
  readonly cpuUs: number;
}

type Value = (sample: Sample) => number;

/** What every gateway did in one part, round by round. */
export class Results {
  readonly part: Part;
  readonly #samples = new Map<string, Sample[]>();
  readonly #failed = new Set<string>();

  constructor(part: Part) {
    this.part = part;
  }

  get names(): readonly string[] {
    return [...this.#samples.keys()];
  }

  /** Each gateway in turn, so that a change of the machine's mood meets them all. One that fails is out of this part. */
  async round(gateways: readonly Gateway[]): Promise<void> {
    for (const gateway of gateways) {
      const { name } = gateway;
      if (this.#failed.has(name)) continue;
      try {
        const sample = await measure(gateway, this.part);
        const samples = this.#samples.get(name) ?? [];
        samples.push(sample);
        this.#samples.set(name, samples);
      } catch (thrown) {
        console.log(`\n${name} failed in ${this.part.name}: ${(thrown as Error).message}`);
        this.#samples.delete(name);
        this.#failed.add(name);
      }
    }
  }

  /** Unmeasured, until compilers and connections are warm. */
  async warm(gateways: readonly Gateway[], ms: number): Promise<void> {
    for (const gateway of gateways) {
      const job = { ...this.part.job, requests: Number.MAX_SAFE_INTEGER, withinMs: ms };
      await run(gateway, job).catch(() => {});
    }
  }

  /** Median of the rounds. */
  of(name: string, value: Value): number {
    return median((this.#samples.get(name) ?? []).map(value));
  }

  /** Median of the ratios of the same round. */
  ratio(over: string, under: string, value: Value = cpu): number {
    const others = this.#samples.get(under) ?? [];
    return median(
      (this.#samples.get(over) ?? []).flatMap((sample, round) => {
        const other = others[round];
        return other ? [value(sample) / value(other)] : [];
      }),
    );
  }

  /** Median of the differences to the way without a gateway, of the same round. */
  added(name: string, value: Value): number {
    const direct = this.#samples.get('direct') ?? [];
    return median(
      (this.#samples.get(name) ?? []).map((sample, round) => value(sample) - value(direct[round] ?? sample)),
    );
  }

  /** Whether every reply had the upstream's bytes. */
  identical(name: string): boolean {
    return (this.#samples.get(name) ?? []).every(({ identical, totalMs }) => identical === totalMs.length);
  }

  text(): string {
    const { columns, per } = this.part;
    const head = ['gateway'];
    if (columns.includes('cpu')) head.push(`CPU µs/${per}`, '× nginx');
    if (columns.includes('rps')) head.push('requests/s');
    if (columns.includes('added')) head.push('added p50, ms', 'added p99, ms');
    if (columns.includes('first')) head.push('added TTFT p50, ms', 'TTFT p99, ms');
    head.push('bytes');
    const rows = this.names.map((name) => {
      const direct = name === 'direct';
      const row = [name];
      if (columns.includes('cpu')) {
        row.push(...(direct ? ['–', '–'] : [figure(this.of(name, cpu)), figure(this.ratio(name, 'nginx'))]));
      }
      if (columns.includes('rps')) row.push(figure(this.of(name, rps)));
      if (columns.includes('added')) row.push(...[0.5, 0.99].map((q) => figure(this.added(name, total(q)))));
      if (columns.includes('first')) row.push(figure(this.added(name, first(0.5))), figure(this.of(name, first(0.99))));
      return [...row, this.identical(name) ? 'same' : 'rewritten'];
    });
    return table(head, rows);
  }
}

export const cpu: Value = ({ cpuUs }) => cpuUs;
export const rps: Value = ({ totalMs, wallMs }) => (totalMs.length * 1_000) / wallMs;
export const total =
  (q: number): Value =>
  ({ totalMs }) =>
    quantile(totalMs, q);
export const first =
  (q: number): Value =>
  ({ firstMs }) =>
    quantile(firstMs, q);

async function measure(gateway: Gateway, { job, per }: Part): Promise<Sample> {
  const { pid } = gateway;
  const tree = pid === undefined ? undefined : new ProcessTree(pid);
  const before = tree?.cpu() ?? 0;
  const outcome = await run(gateway, job);
  const spent = (tree?.cpu() ?? 0) - before;
  const units = outcome.totalMs.length * (per === 'chunk' ? job.script.chunks : 1);
  return { ...outcome, cpuUs: spent / units };
}

function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}
