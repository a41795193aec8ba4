import type { Prompt } from './prompt.ts';

/** A picture among the tokens: two are the same when all of this is. */
interface Seen {
  readonly start: number;
  readonly tokens: number;
  readonly digest: string;
}

/** Which tokens have their keys and values in the cache, from its beginning. */
export class History {
  #ids: number[] = [];
  #pictures: Seen[] = [];

  get length(): number {
    return this.#ids.length;
  }

  /** Tokens at the beginning of the prompt that need not be computed again; always fewer than it has. */
  shared(prompt: Prompt, digests: readonly string[]): number {
    const { ids, spans } = prompt;
    const most = Math.min(this.#ids.length, ids.length - 1);
    let shared = 0;
    while (shared < most && this.#ids[shared] === ids[shared]) shared++;
    // Pictures have the same tokens, whatever they show.
    for (const [index, { start, rows, columns }] of spans.entries()) {
      if (start >= shared) break;
      const tokens = rows * columns;
      const same = this.#pictures.some(
        (seen) => seen.start === start && seen.tokens === tokens && seen.digest === digests[index],
      );
      if (!same || start + tokens > shared) return start;
    }
    return shared;
  }

  /** Forgets what is behind the first `length` tokens, before it is written over. */
  truncate(length: number): void {
    this.#ids.length = length;
    this.#pictures = this.#pictures.filter(({ start, tokens }) => start + tokens <= length);
  }

  /** The tokens of the prompt from here to `end` are in the cache now. */
  extend(prompt: Prompt, digests: readonly string[], end: number): void {
    const from = this.#ids.length;
    for (let at = from; at < end; at++) this.#ids.push(prompt.ids[at] as number);
    for (const [index, { start, rows, columns }] of prompt.spans.entries()) {
      const tokens = rows * columns;
      if (start + tokens > from && start + tokens <= end) {
        this.#pictures.push({ start, tokens, digest: digests[index] as string });
      }
    }
  }

  /** A generated token is in the cache now. */
  push(id: number): void {
    this.#ids.push(id);
  }
}
