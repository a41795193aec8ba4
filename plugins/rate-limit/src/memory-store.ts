import { RateLimiterMemory } from 'rate-limiter-flexible';
import { minute } from './minute.ts';
import type { Place, Store, Window } from './store.ts';

/** Counts of this process alone; a restart forgets them. */
export class MemoryStore implements Store {
  readonly #minutes = new RateLimiterMemory(minute(''));
  readonly #taken = new Map<string, number>();

  async add(key: string, points: number): Promise<Window> {
    const { consumedPoints, msBeforeNext } = await this.#minutes.penalty(key, points);
    return { used: consumedPoints, leftMs: msBeforeNext };
  }

  async enter(key: string, places: number): Promise<Place | undefined> {
    const taken = this.#taken.get(key) ?? 0;
    if (taken >= places) return undefined;
    this.#taken.set(key, taken + 1);
    return { leave: () => void this.#taken.set(key, (this.#taken.get(key) ?? 1) - 1) };
  }

  async close(): Promise<void> {}
}
