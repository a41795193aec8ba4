import type { Isolation } from '../sdk/index.ts';
import type { Place } from './placement.ts';

/** Loaded when first used: most servers need one of them, and Piscina is not free to load. */
const places: Record<Isolation, () => Promise<Place>> = {
  inline: async () => (await import('./inline.ts')).placeInline,
  thread: async () => (await import('./thread.ts')).placeInThread,
  process: async () => (await import('./process.ts')).placeInProcess,
};

/** Puts an instance where its blueprint says. */
export const place: Place = async (blueprint, kind, log) => (await places[blueprint.isolation]())(blueprint, kind, log);
