import type { Outcome } from './outcome.ts';

/** Nearest-rank percentiles, ms. */
export interface Percentiles {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
}

/** What a run came to; `--json` prints it. Times and tokens are those of the requests that succeeded. */
export interface BenchResult {
  readonly url: string;
  readonly model: string;
  readonly concurrent: number;
  readonly requests: number;
  readonly ok: number;
  readonly failed: number;
  /** Why requests failed, in sentences, the most frequent first. */
  readonly failures: readonly { readonly reason: string; readonly count: number }[];
  /** Of the whole run. */
  readonly seconds: number;
  /** null: none was measured. */
  readonly total_ms: Percentiles | null;
  readonly first_token_ms: Percentiles | null;
  readonly time_per_token_ms: Percentiles | null;
  readonly tokens: number;
  /** Whether the server said how many tokens there were; false: a piece of a stream counts as one. */
  readonly tokens_reported: boolean;
  readonly tokens_per_second: number;
  readonly requests_per_second: number;
}

/** Adds up what became of a run's requests. `seconds`: what all of them took together. */
export function resultOf(
  run: Pick<BenchResult, 'url' | 'model' | 'concurrent' | 'seconds'>,
  outcomes: readonly Outcome[],
): BenchResult {
  const good = outcomes.filter((outcome) => outcome.failure === undefined);
  const reasons = new Map<string, number>();
  for (const { failure } of outcomes) {
    if (failure !== undefined) reasons.set(failure, (reasons.get(failure) ?? 0) + 1);
  }
  const tokens = good.reduce((sum, each) => sum + each.tokens, 0);
  const { url, model, concurrent, seconds } = run;
  return {
    url,
    model,
    concurrent,
    requests: outcomes.length,
    ok: good.length,
    failed: outcomes.length - good.length,
    failures: [...reasons].map(([reason, count]) => ({ reason, count })).sort((a, b) => b.count - a.count),
    seconds: round(seconds, 3),
    total_ms: percentiles(good.map(({ totalMs }) => totalMs)),
    first_token_ms: percentiles(good.map(({ firstMs }) => firstMs)),
    time_per_token_ms: percentiles(good.map(({ perTokenMs }) => perTokenMs)),
    tokens,
    tokens_reported: good.every(({ counted }) => counted),
    tokens_per_second: round(tokens / seconds, 1),
    requests_per_second: round(good.length / seconds, 2),
  };
}

/** What a terminal shows. */
export function table(result: BenchResult): string {
  const { requests, ok, failed, failures, seconds, tokens, tokens_reported } = result;
  const times = [
    ['total time', result.total_ms],
    ['first token', result.first_token_ms],
    ['time per token', result.time_per_token_ms],
  ] as const;
  const row = (name: string, cells: readonly (string | number)[]) =>
    `${name.padEnd(16)}${cells.map((cell) => String(cell).padStart(12)).join('')}`;
  return [
    row('requests', [requests]),
    row('ok', [ok]),
    row('failed', [failed]),
    ...failures.map(({ reason, count }) => `  ${count} × ${reason}`),
    '',
    row('', ['p50', 'p90', 'p99']),
    ...times.map(([name, found]) =>
      row(name, found ? [found.p50, found.p90, found.p99].map((ms) => `${ms.toFixed(1)} ms`) : ['-', '-', '-']),
    ),
    '',
    row('tokens', [tokens]),
    row('tokens/s', [result.tokens_per_second]),
    row('requests/s', [result.requests_per_second]),
    row('duration', [`${seconds} s`]),
    ...(ok > 0 && !tokens_reported
      ? ['', 'The server did not say how many tokens there were: pieces were counted.']
      : []),
    '',
  ].join('\n');
}

function percentiles(values: readonly (number | undefined)[]): Percentiles | null {
  const sorted = values.filter((value) => value !== undefined).sort((a, b) => a - b);
  if (sorted.length === 0) return null;
  const rank = (percent: number) => round(sorted[Math.ceil((percent / 100) * sorted.length) - 1] as number, 2);
  return { p50: rank(50), p90: rank(90), p99: rank(99) };
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
