import { randomBytes } from 'node:crypto';

/**
 * Keeps control tokens that a caller spells out apart from those that the chat template writes. `mark` puts a seam
 * inside every beginning of one, before the template is rendered; whatever is whole afterwards is the template's own.
 * Ends of strings count as beginnings, since templates join strings. The seam is a secret of the process, so that
 * nobody can write it; a caller's text comes out of `unmark` as it was.
 */
export class SafeText {
  readonly #beginning: RegExp;
  readonly #seam = `\u{fdd0}${randomBytes(12).toString('hex')}\u{fdd1}`;

  /** `special`: the control tokens' texts. */
  constructor(special: readonly string[]) {
    const openings = special.map((text) => {
      const [first = '', second = ''] = text;
      return `${RegExp.escape(first)}(?=${RegExp.escape(second)}|$)`;
    });
    this.#beginning = openings.length === 0 ? /(?!)/g : new RegExp([...new Set(openings)].join('|'), 'gu');
  }

  /** The value with every string in it, keys of objects too, marked. */
  mark<T>(value: T): T {
    return this.#walk(value) as T;
  }

  unmark(text: string): string {
    return text.replaceAll(this.#seam, '');
  }

  #walk(value: unknown): unknown {
    if (typeof value === 'string') return value.replaceAll(this.#beginning, (first) => first + this.#seam);
    if (Array.isArray(value)) return value.map((item) => this.#walk(item));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [this.#walk(key), this.#walk(item)]));
  }
}
