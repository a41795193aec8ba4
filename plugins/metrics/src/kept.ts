/** Makes one `T` per combination of label values and keeps it: signals come per token, their labels are few. */
export class Kept<Labels extends string[], T> {
  readonly #make: (...labels: Labels) => T;
  readonly #made = new Map<string, T>();

  constructor(make: (...labels: Labels) => T) {
    this.#make = make;
  }

  of(...labels: Labels): T {
    const key = labels.join('\n');
    let kept = this.#made.get(key);
    if (kept === undefined) {
      kept = this.#make(...labels);
      this.#made.set(key, kept);
    }
    return kept;
  }
}
