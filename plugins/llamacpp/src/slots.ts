import { Failure } from '@backplane/core/sdk';
import type { LlamaContext, LlamaContextSequence, Token } from 'node-llama-cpp';
import { Rounds } from './rounds.ts';

/** One sequence of the shared context, with what earlier calls left in its KV cache. */
export interface Slot {
  sequence: LlamaContextSequence;
  /** The native work begun last: set before it is awaited, so that `close` can wait for it. */
  work: Promise<unknown> | undefined;
  usedAt: number;
}

/** The sequences of one context: calls decode together in one batch, each in a slot of its own. */
export class Slots {
  /** Who decodes when. */
  readonly rounds = new Rounds();
  readonly #context: LlamaContext;
  readonly #all: readonly Slot[];
  readonly #free: Slot[];
  readonly #waiting: (() => void)[] = [];
  #clock = 0;
  #closed = false;

  constructor(context: LlamaContext, count: number) {
    this.#context = context;
    this.#all = Array.from({ length: count }, () => ({ sequence: context.getSequence(), work: undefined, usedAt: 0 }));
    this.#free = [...this.#all];
  }

  /** The free slot that knows the longest beginning of the prompt; of equals, the one unused for longest. */
  async take(prompt: Token[], signal: AbortSignal): Promise<Slot> {
    // The core admits no more calls than slots, but a call that it gave up may still be in its last evaluation.
    while (this.#free.length === 0 && !this.#closed && !signal.aborted) await this.#freed(signal);
    if (signal.aborted || this.#closed) {
      if (this.#free.length > 0) this.#waiting.shift()?.();
      if (signal.aborted) throw Failure.from(signal.reason, 'cancelled');
      this.check();
    }
    let best = 0;
    let longest = -1;
    for (const [at, { sequence, usedAt }] of this.#free.entries()) {
      const { firstDifferentIndex } = sequence.compareContextTokens(prompt);
      const oldest = usedAt < (this.#free[best]?.usedAt ?? 0);
      if (firstDifferentIndex > longest || (firstDifferentIndex === longest && oldest)) {
        best = at;
        longest = firstDifferentIndex;
      }
    }
    return this.#free.splice(best, 1)[0] as Slot;
  }

  give(slot: Slot): void {
    slot.usedAt = ++this.#clock;
    this.#free.push(slot);
    this.#waiting.shift()?.();
  }

  /** Gives back a slot whose sequence may disagree with its KV cache. */
  async giveBroken(slot: Slot): Promise<void> {
    if (!this.#closed) {
      await slot.sequence.dispose();
      slot.sequence = this.#context.getSequence();
    }
    this.give(slot);
  }

  /**
   * Cuts the slot back to what it shares with the prompt and resolves to that length. The last token of the prompt is
   * always computed again, since its logits are what the answer starts from.
   */
  async align(slot: Slot, prompt: Token[]): Promise<number> {
    const { sequence } = slot;
    const shared = Math.min(sequence.compareContextTokens(prompt).firstDifferentIndex, prompt.length - 1);
    const known = sequence.nextTokenIndex;
    if (shared === known) return shared;
    // A recurrent or sliding-window state cannot be cut in the middle: the library would compute the rest again unseen.
    const keep = sequence.needsCheckpoints ? 0 : shared;
    slot.work = sequence.eraseContextTokenRanges([{ start: keep, end: known }]);
    await slot.work;
    return keep;
  }

  /** Throws once the model is being unloaded. */
  check(): void {
    if (this.#closed) throw new Failure('shutting_down', 'The model is being unloaded');
  }

  /** Lets nothing new start and resolves when no native work is left. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const wake of this.#waiting.splice(0)) wake();
    await Promise.allSettled(this.#all.map((slot) => slot.work));
  }

  #freed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        signal.removeEventListener('abort', gaveUp);
        resolve();
      };
      const gaveUp = () => {
        this.#waiting.splice(this.#waiting.indexOf(wake), 1);
        resolve();
      };
      this.#waiting.push(wake);
      signal.addEventListener('abort', gaveUp, { once: true });
    });
  }
}
