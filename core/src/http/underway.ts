/** Something whose place in the list is kept with it. */
export interface Placed {
  place: number;
}

/**
 * What is under way, in no order. Not a Set: one that is added to and taken from without end is copied again and again, and
 * V8's garbage collection keeps every copy, with the calls in it, until the next full run.
 */
export class Underway<T extends Placed> {
  readonly #all: T[] = [];

  get size(): number {
    return this.#all.length;
  }

  add(one: T): void {
    one.place = this.#all.push(one) - 1;
  }

  /** Only what was added, and only once. */
  delete(one: T): void {
    const last = this.#all.pop() as T;
    if (last === one) return;
    this.#all[one.place] = last;
    last.place = one.place;
  }

  /** A copy: it may be changed while it is walked. */
  [Symbol.iterator](): Iterator<T> {
    return [...this.#all][Symbol.iterator]();
  }
}
