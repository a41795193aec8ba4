/** How long a round waits for a call whose reader has not asked for its next token yet. */
const graceMs = 1;

/** One call's place in the rounds. */
export interface Seat {
  /** Resolves when the call may evaluate; undefined: at once. `done` must follow. */
  turn(): Promise<void> | undefined;
  /** The evaluation is over. */
  done(): void;
  /** The call takes no more turns. */
  leave(): void;
}

/**
 * Makes calls decode together. Left alone, the library evaluates whatever is queued as soon as it is free: the call whose
 * token comes first starts the next batch, the others miss it, and calls take turns instead of sharing one. Here a batch
 * waits until every call has asked for its turn, or has kept the others waiting for too long.
 */
export class Rounds {
  #seats = 0;
  #running = 0;
  readonly #waiting: (() => void)[] = [];
  #grace: NodeJS.Timeout | undefined;

  join(): Seat {
    this.#seats++;
    let running = false;
    const done = () => {
      if (running) this.#running--;
      running = false;
    };
    return {
      turn: () => {
        running = true;
        if (this.#seats === 1 && this.#running === 0) {
          this.#running++;
          return undefined;
        }
        return new Promise((resolve) => {
          this.#waiting.push(resolve);
          this.#check();
        });
      },
      done: () => {
        done();
        this.#check();
      },
      leave: () => {
        done();
        this.#seats--;
        this.#check();
      },
    };
  }

  #check(): void {
    if (this.#waiting.length === 0 || this.#running > 0) return;
    if (this.#waiting.length < this.#seats) {
      this.#grace ??= setTimeout(this.#start, graceMs);
    } else {
      // The library must have left its own loop, or it would take the first of them alone.
      setImmediate(this.#start);
    }
  }

  readonly #start = (): void => {
    clearTimeout(this.#grace);
    this.#grace = undefined;
    if (this.#running > 0) return;
    this.#running = this.#waiting.length;
    for (const go of this.#waiting.splice(0)) go();
  };
}

/** The context's `dispatchSchedule`: after the promises of this turn, so that all calls of a round have queued. */
export function dispatchSoon(dispatch: () => void): void {
  process.nextTick(dispatch);
}
