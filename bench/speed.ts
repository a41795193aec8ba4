import { atLeast, atMost, type Goal } from './goal.ts';
import { interleave, type Sample } from './rounds.ts';
import { type Shape, small, tiny } from './shape.ts';
import type { Subject } from './subject.ts';
import { figure, median, table } from './table.ts';

export interface Report {
  readonly title: string;
  readonly text: string;
  readonly goals: readonly Goal[];
}

/** Tokens per stream: enough to time, few enough to wait for. */
const tokensOf = new Map<Shape, Readonly<Record<number, number>>>([
  [tiny, { 1: 512, 4: 256, 16: 128 }],
  [small, { 1: 32, 4: 24, 16: 12 }],
]);
const promptTokens = 16;

/** Generated tokens per second of wall time, and CPU time per token, for each of these numbers of streams. */
export async function speed(
  shape: Shape,
  subjects: readonly Subject[],
  rounds: number,
  counts: readonly number[],
): Promise<Report> {
  const rows: string[][] = [];
  const goals: Goal[] = [];
  for (const [key, tokens] of Object.entries(tokensOf.get(shape) ?? {})) {
    const streams = Number(key);
    if (!counts.includes(streams)) continue;
    const job = { streams, prompt: promptTokens, tokens };
    await interleave(subjects, { ...job, tokens: Math.ceil(tokens / 4) }, 1);
    const samples = await interleave(subjects, job, rounds);
    const all = streams * tokens;
    const mine = samples.get('backplane') ?? [];
    for (const [name, each] of samples) {
      rows.push([
        `${streams} × ${tokens}`,
        name,
        figure(median(each.map(({ wallMs }) => (all * 1_000) / wallMs))),
        name === 'backplane' ? '' : figure(ratio(each, mine, 'wallMs')),
        figure(median(each.map(({ cpuUs }) => cpuUs / all))),
        name === 'backplane' ? '' : figure(ratio(mine, each, 'cpuUs')),
      ]);
    }
    const theirs = samples.get('upstream');
    if (theirs) goals.push(...goalsOf(shape, streams, tokens, mine, theirs));
  }
  const head = ['streams × tokens', 'subject', 'tokens/s', 'backplane is ×', 'CPU µs/token', 'backplane takes ×'];
  return { title: `Tokens per second, ${shape.name} shape`, text: table(head, rows), goals };
}

function goalsOf(
  shape: Shape,
  streams: number,
  tokens: number,
  mine: readonly Sample[],
  theirs: readonly Sample[],
): readonly Goal[] {
  const speed = ratio(theirs, mine, 'wallMs');
  if (shape === small && streams === 1) return [atLeast('0.6B, 1 stream: tokens/s of upstream', 0.98, speed)];
  if (shape === small && streams === 4) return [atLeast('0.6B, 4 streams: tokens/s of upstream', 0.95, speed)];
  if (shape === tiny && streams === 1) {
    const added = mine.map(({ wallMs }, round) => ((wallMs - (theirs[round]?.wallMs ?? 0)) * 1_000) / tokens);
    return [atMost('tiny, 1 stream: wall time per token above upstream', 150, 'µs', median(added))];
  }
  return [];
}

/** Median over the rounds of `over / under`, each from the same round. */
function ratio(over: readonly Sample[], under: readonly Sample[], field: 'wallMs' | 'cpuUs'): number {
  return median(over.map((sample, round) => sample[field] / (under[round]?.[field] ?? Number.NaN)));
}
