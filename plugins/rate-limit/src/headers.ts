import type { Bound } from './limit.ts';
import type { Window } from './store.ts';

/** A bound and how far its minute is. */
export interface Reading extends Window {
  readonly bound: Bound;
}

/** `x-ratelimit-*` as OpenAI sends them; where several entries bound the same kind, the one with the least left speaks. */
export function rateHeaders(readings: readonly Reading[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const kind of ['requests', 'tokens']) {
    const nearest = readings.filter(({ bound }) => bound.kind === kind).toSorted(byNearness)[0];
    if (!nearest) continue;
    headers[`x-ratelimit-limit-${kind}`] = String(nearest.bound.most);
    headers[`x-ratelimit-remaining-${kind}`] = String(left(nearest));
    headers[`x-ratelimit-reset-${kind}`] = span(nearest.leftMs);
  }
  return headers;
}

const left = ({ bound, used }: Reading): number => Math.max(bound.most - used, 0);
const byNearness = (a: Reading, b: Reading): number => left(a) - left(b) || b.leftMs - a.leftMs;

/** `1s`, `6m0s`: whole seconds, rounded up, as OpenAI writes them. */
function span(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}
