/** A queue that is written by messages and read as an async iterator. Ends or fails once; what came before is still read. */
export class Inbox<T> implements AsyncIterableIterator<T> {
  readonly #items: T[] = [];
  #head = 0;
  #waiting: { resolve(result: IteratorResult<T>): void; reject(error: unknown): void } | undefined;
  #over: { readonly error?: unknown } | undefined;
  readonly #onRead: (() => void) | undefined;
  readonly #onReturn: (() => void) | undefined;

  /** `onRead` runs for each item taken; `onReturn` when the reader stops early. */
  constructor(onRead?: () => void, onReturn?: () => void) {
    this.#onRead = onRead;
    this.#onReturn = onReturn;
  }

  push(item: T): void {
    if (this.#over) return;
    if (this.#waiting) {
      const waiting = this.#waiting;
      this.#waiting = undefined;
      this.#onRead?.();
      waiting.resolve({ value: item, done: false });
    } else this.#items.push(item);
  }

  end(): void {
    this.#finish({});
  }

  fail(error: unknown): void {
    this.#finish({ error });
  }

  #finish(over: { readonly error?: unknown }): void {
    if (this.#over) return;
    this.#over = over;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (!waiting) return;
    if ('error' in over) waiting.reject(over.error);
    else waiting.resolve({ value: undefined, done: true });
  }

  next(): Promise<IteratorResult<T>> {
    if (this.#head < this.#items.length) {
      const value = this.#items[this.#head++] as T;
      if (this.#head === this.#items.length) {
        this.#items.length = 0;
        this.#head = 0;
      }
      this.#onRead?.();
      return Promise.resolve({ value, done: false });
    }
    if (this.#over) {
      return 'error' in this.#over
        ? Promise.reject(this.#over.error)
        : Promise.resolve({ value: undefined, done: true });
    }
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  return(): Promise<IteratorResult<T>> {
    if (!this.#over) {
      this.#over = {};
      this.#onReturn?.();
    }
    this.#items.length = 0;
    this.#head = 0;
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
