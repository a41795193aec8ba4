import type { Isolation } from '../sdk/index.ts';
import { endOf } from './ended.ts';
import type { Place, Placement } from './placement.ts';

/** Loaded when first used: most servers need one of them, and Piscina is not free to load. */
const places: Record<Isolation, () => Promise<Place>> = {
  inline: async () => (await import('./inline.ts')).placeInline,
  thread: async () => (await import('./thread.ts')).placeInThread,
  process: async () => (await import('./process.ts')).placeInProcess,
};

/** Puts an instance where its blueprint says. It dies with its place, or when it says so itself. */
export const place: Place = async (blueprint, kind, log): Promise<Placement> => {
  const placement = await (await places[blueprint.isolation]())(blueprint, kind, log);
  const ended = endOf(placement.instance);
  return ended ? { ...placement, died: Promise.race([placement.died, ended]) } : placement;
};
