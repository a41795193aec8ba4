/** Retries per second that are allowed however few calls there are, and how many of them can be saved up. */
const floor = 10;
const most = 100;

/**
 * A bound on retries (as in Finagle, with its numbers): when a whole fleet fails, each call must not become three, but all
 * calls of one server that dies may be made again. Every call puts in a share of a token, every retry takes one.
 */
export class RetryBudget {
  readonly #share: number;
  #tokens = most;
  #refilled: number;

  constructor(share: number, now = performance.now()) {
    this.#share = share;
    this.#refilled = now;
  }

  /** A call came. */
  call(): void {
    this.#tokens = Math.min(this.#tokens + this.#share, most);
  }

  /** May one be made again? */
  take(now = performance.now()): boolean {
    this.#tokens = Math.min(this.#tokens + ((now - this.#refilled) / 1_000) * floor, most);
    this.#refilled = now;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
