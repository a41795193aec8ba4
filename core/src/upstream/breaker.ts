export type BreakerState = 'closed' | 'open' | 'half-open';

export interface EjectPolicy {
  /** Failures in a row. */
  readonly failures: number;
  /** ms. */
  readonly for: number;
  /** ms. */
  readonly at_most: number;
}

/**
 * Keeps calls away from a server that fails: closed, open for a while after so many failures in a row, then half-open,
 * where one call at a time may try; its success closes, its failure opens for twice as long.
 */
export class Breaker {
  readonly #policy: EjectPolicy;
  #failures = 0;
  #ejections = 0;
  #until = 0;
  #trying = false;

  constructor(policy: EjectPolicy) {
    this.#policy = policy;
  }

  state(now = Date.now()): BreakerState {
    if (this.#until === 0) return 'closed';
    return now < this.#until ? 'open' : 'half-open';
  }

  /** When it is half-open again, epoch ms; 0 while closed. */
  get until(): number {
    return this.#until;
  }

  /** Whether a call may go there now. */
  allows(now = Date.now()): boolean {
    const state = this.state(now);
    return state === 'closed' || (state === 'half-open' && !this.#trying);
  }

  /** A call goes there. */
  enter(): void {
    if (this.#until !== 0) this.#trying = true;
  }

  /** The server answered, whatever it said. */
  succeed(): void {
    this.#failures = 0;
    this.#ejections = 0;
    this.#until = 0;
    this.#trying = false;
  }

  /** It did not, or broke off. */
  fail(now = Date.now()): void {
    const retried = this.#trying;
    this.#trying = false;
    // Calls that were under way when it was opened fail together: they tell nothing new.
    if (this.#until !== 0 && !retried) return;
    if (++this.#failures < this.#policy.failures && !retried) return;
    this.#until = now + Math.min(this.#policy.for * 2 ** this.#ejections, this.#policy.at_most);
    this.#ejections = Math.min(this.#ejections + 1, 16);
    this.#failures = this.#policy.failures - 1;
  }

  /** The call that tried ended without telling anything, because its client left. */
  leave(): void {
    this.#trying = false;
  }
}
