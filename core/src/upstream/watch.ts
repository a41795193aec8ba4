/** Something that is not to stay silent beyond a point in time. */
export interface Watched {
  /** On the clock of `performance.now()`; Infinity: for as long as it likes. May be put off at any time. */
  due: number;
  /** Of the watch's list. */
  place: number;
  /** It is past `due`; asked again only after a new one. */
  late(): void;
}

/** Notices who is late. One timer for all: two of Node's per call were a thirtieth of what a relayed call costs. */
export class Watch {
  readonly #watched: Watched[] = [];
  #timer: NodeJS.Timeout | undefined;
  /** When the timer is due. */
  #next = Number.POSITIVE_INFINITY;

  add(one: Watched): void {
    one.place = this.#watched.push(one) - 1;
  }

  /** Only what was added, and only once. */
  delete(one: Watched): void {
    const last = this.#watched.pop() as Watched;
    if (last === one) return;
    this.#watched[one.place] = last;
    last.place = one.place;
  }

  /** `due` came nearer. */
  expect(one: Watched, withinMs: number): void {
    one.due = performance.now() + withinMs;
    if (one.due < this.#next) this.#arm(one.due);
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #arm(due: number): void {
    clearTimeout(this.#timer);
    this.#next = due;
    this.#timer = setTimeout(this.#look, Math.max(due - performance.now(), 1));
    this.#timer.unref();
  }

  readonly #look = (): void => {
    const now = performance.now();
    this.#next = Number.POSITIVE_INFINITY;
    let next = Number.POSITIVE_INFINITY;
    for (const one of [...this.#watched]) {
      if (one.due <= now) {
        one.due = Number.POSITIVE_INFINITY;
        one.late();
      } else if (one.due < next) next = one.due;
    }
    // Whoever was late may have been given more time just now.
    if (next < this.#next) this.#arm(next);
  };
}
