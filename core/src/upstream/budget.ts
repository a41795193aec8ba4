/** Retries per second that are allowed however few calls there are. */
const floor = 3;

/**
 * A bound on retries (as in Finagle and Envoy): when a whole fleet fails, each call must not become three. Every call
 * puts in a share of a token, every retry takes one.
 */
export class RetryBudget {
  readonly #share: number;
  #tokens = floor;
  #refilled = performance.now();

  constructor(share: number) {
    this.#share = share;
  }

  /** A call came. */
  call(): void {
    this.#tokens = Math.min(this.#tokens + this.#share, 100);
  }

  /** May one be made again? */
  take(): boolean {
    const now = performance.now();
    this.#tokens = Math.max(this.#tokens, Math.min(floor, this.#tokens + ((now - this.#refilled) / 1_000) * floor));
    this.#refilled = now;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
