import type { Goal } from '../goal.ts';
import { first, type Results } from './results.ts';

const gateways = ['vllm-router', 'sglang-router', 'litellm', 'portkey'];
const own = 'backplane';

/** The bars of the router path, as far as this run can tell. */
export function goalsOf(
  results: readonly Results[],
  { idle, loaded, startMs }: { readonly idle?: number; readonly loaded?: number; readonly startMs: number },
): readonly Goal[] {
  const goals: Goal[] = [];
  const within = (what: string, value: number, bar: number, unit: string): void => {
    // Without the peer there is nothing to compare with.
    if (!Number.isNaN(value)) {
      const places = unit === 'MB' || bar >= 100 ? 0 : 2;
      goals.push({ what, bar: `≤ ${bar} ${unit}`, figure: `${value.toFixed(places)} ${unit}`, met: value <= bar });
    }
  };
  const part = (name: string): Results | undefined => results.find((result) => result.part.name === name);
  const times = (name: string, what: string, peer: string, bar: number): void => {
    const result = part(name);
    if (result) within(`${what}: CPU against ${peer}`, result.ratio(own, peer), bar, '×');
  };
  for (const peer of gateways) times('json', 'JSON', peer, 1);
  times('json', 'JSON', 'nginx', 2.5);
  times('burst', 'full speed', 'vllm-router', 0.5);
  times('burst', 'full speed', 'nginx', 1.5);
  for (const [name, what] of [
    ['paced', '16 paced streams'],
    ['wide', '64 paced streams'],
  ] as const) {
    for (const peer of gateways) times(name, what, peer, peer === 'vllm-router' ? 1.1 : 1);
  }
  const paced = part('paced');
  if (paced) within('16 paced streams: added TTFT p50', paced.added(own, first(0.5)), 0.5, 'ms');
  const many = part('many');
  if (many) within('200 streams: TTFT p99', many.of(own, first(0.99)), 60, 'ms');
  times('image', '5 MB picture', 'nginx', 6);
  if (idle !== undefined) within('idle PSS', idle, 100, 'MB');
  if (loaded !== undefined) within('loaded PSS', loaded, 150, 'MB');
  within('exec to first 200', startMs, 400, 'ms');
  goals.push({
    what: "replies with the upstream's bytes",
    bar: 'all',
    figure: results.every((result) => result.identical(own)) ? 'all' : 'not all',
    met: results.every((result) => result.names.includes(own) && result.identical(own)),
  });
  return goals;
}
