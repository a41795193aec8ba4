import { HeldText } from './held.ts';

export interface Matched {
  /** Text that is certainly before any stop string. */
  readonly text: string;
  /** A stop string came; it and what follows are gone. */
  readonly stopped: boolean;
}

/**
 * Ends a text at the first stop string that is complete in it (of several complete at the same place, the longest),
 * however the text is cut into pieces. Holds back only what may still become a stop string.
 */
export class StopMatcher {
  readonly #patterns: readonly Pattern[];
  readonly #held = new HeldText();
  #stopped = false;

  /** Empty strings are ignored. */
  constructor(stops: readonly string[]) {
    this.#patterns = stops.filter((stop) => stop !== '').map((stop) => new Pattern(stop));
  }

  get held(): boolean {
    return this.#held.length > 0;
  }

  push(text: string): Matched {
    if (this.#stopped) return { text: '', stopped: true };
    let end = text.length;
    let matched = 0;
    let open = 0;
    for (const pattern of this.#patterns) {
      const found = pattern.find(text, end);
      if (found >= 0) {
        if (found < end || pattern.length > matched) matched = pattern.length;
        end = found;
      }
      if (pattern.matched > open) open = pattern.matched;
    }
    const before = this.#held.length;
    if (matched > 0) {
      this.#stopped = true;
      this.#held.add(text);
      const released = this.#held.take(before + end - matched);
      this.#held.take(this.#held.length);
      return { text: released, stopped: true };
    }
    if (before === 0 && open === 0) return { text, stopped: false };
    this.#held.add(text);
    return { text: this.#held.take(before + text.length - open), stopped: false };
  }

  /** What was held back, now that no more text comes. */
  flush(): string {
    for (const pattern of this.#patterns) pattern.reset();
    return this.#held.take(this.#held.length);
  }
}

/** One stop string, searched by Knuth, Morris and Pratt's method: no character is looked at again in a later piece. */
class Pattern {
  readonly #text: string;
  /** For each matched length, the length to fall back to. */
  readonly #fallback: Int32Array;
  #matched = 0;

  constructor(text: string) {
    this.#text = text;
    this.#fallback = new Int32Array(text.length + 1);
    for (let at = 1, length = 0; at < text.length; at += 1) {
      while (length > 0 && text[at] !== text[length]) length = this.#fallback[length] ?? 0;
      if (text[at] === text[length]) length += 1;
      this.#fallback[at + 1] = length;
    }
  }

  get length(): number {
    return this.#text.length;
  }

  /** How much of the pattern the text so far ends in. */
  get matched(): number {
    return this.#matched;
  }

  /** Reads `text` up to `end`; the index right after the first match, or -1. */
  find(text: string, end: number): number {
    const pattern = this.#text;
    let matched = this.#matched;
    for (let at = 0; at < end; at += 1) {
      if (matched === 0) {
        at = text.indexOf(pattern.charAt(0), at);
        if (at < 0 || at >= end) break;
        matched = 1;
      } else {
        const unit = text.charCodeAt(at);
        while (matched > 0 && unit !== pattern.charCodeAt(matched)) matched = this.#fallback[matched] ?? 0;
        if (unit === pattern.charCodeAt(matched)) matched += 1;
      }
      if (matched === pattern.length) {
        this.#matched = 0;
        return at + 1;
      }
    }
    this.#matched = matched;
    return -1;
  }

  reset(): void {
    this.#matched = 0;
  }
}
