/** Makes one `T` per combination of label values and keeps it: signals come per token, their labels are few. */
export class Kept<Labels extends string[], T> {
  readonly #make: (...labels: Labels) => T;
  /** A map per label and the things in the last: no string is made to look one up. */
  readonly #made: Level<T> = new Map();

  constructor(make: (...labels: Labels) => T) {
    this.#make = make;
  }

  of(...labels: Labels): T {
    let level = this.#made;
    const last = labels.length - 1;
    for (let at = 0; at < last; at++) {
      const label = labels[at] as string;
      let next = level.get(label) as Level<T> | undefined;
      if (next === undefined) {
        next = new Map();
        level.set(label, next);
      }
      level = next;
    }
    const label = labels[last] as string;
    let kept = level.get(label) as T | undefined;
    if (kept === undefined) {
      kept = this.#make(...labels);
      level.set(label, kept);
    }
    return kept;
  }
}

interface Level<T> extends Map<string, T | Level<T>> {}
