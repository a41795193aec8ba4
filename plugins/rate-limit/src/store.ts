/** How far a minute of counting is. */
export interface Window {
  /** Points counted in it so far, what was just added included. */
  readonly used: number;
  /** Until it starts again at 0, milliseconds. */
  readonly leftMs: number;
}

/** One call's place among those that run at once. */
export interface Place {
  /** Gives it back. Never throws; what cannot be given back now comes free by itself. */
  leave(): void;
}

/** Where the counts are. Every method rejects with a `StoreFailure` and nothing else. */
export interface Store {
  /** Adds `points` (0 only reads, below 0 takes back) to the minute of `key`, which begins with its first use. */
  add(key: string, points: number): Promise<Window>;
  /** undefined: `places` are taken. */
  enter(key: string, places: number): Promise<Place | undefined>;
  close(): Promise<void>;
}

/** The store does not answer; why was logged when it was noticed. */
export class StoreFailure extends Error {
  override readonly name = 'StoreFailure';
}
