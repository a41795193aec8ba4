/** Someone who waits for a slot. */
export interface Waiter<Slot> {
  /** Fairness is between these: each principal's oldest waiter has its turn. */
  readonly principal: string;
  /** Takes a slot that suits it, or says no. */
  offer(slot: Slot): boolean;
}

/** A bounded queue that is fair between principals (round robin) and first come, first served within one. */
export class FairQueue<Slot> {
  readonly #lines = new Map<string, Set<Waiter<Slot>>>();
  readonly #bound: number;
  #size = 0;

  constructor(bound: number) {
    this.#bound = bound;
  }

  get size(): number {
    return this.#size;
  }

  /** false: the queue is full. */
  join(waiter: Waiter<Slot>): boolean {
    if (this.#size >= this.#bound) return false;
    const line = this.#lines.get(waiter.principal);
    if (line) line.add(waiter);
    else this.#lines.set(waiter.principal, new Set([waiter]));
    this.#size++;
    return true;
  }

  leave(waiter: Waiter<Slot>): void {
    const line = this.#lines.get(waiter.principal);
    if (!line?.delete(waiter)) return;
    this.#size--;
    if (line.size === 0) this.#lines.delete(waiter.principal);
  }

  /** Offers a slot down the queue; true when someone took it. The principal that got it goes to the back. */
  offer(slot: Slot): boolean {
    for (const [principal, line] of this.#lines) {
      for (const waiter of line) {
        if (!waiter.offer(slot)) continue;
        this.leave(waiter);
        if (line.size > 0) {
          this.#lines.delete(principal);
          this.#lines.set(principal, line);
        }
        return true;
      }
    }
    return false;
  }

  *[Symbol.iterator](): Generator<Waiter<Slot>> {
    for (const line of [...this.#lines.values()]) yield* [...line];
  }
}
