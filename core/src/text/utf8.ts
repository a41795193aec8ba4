/** Text that became whole, and how many tokens it released. */
export interface Released {
  readonly text: string;
  readonly tokens: number;
}

const replacement = '\uFFFD';
const nothing: Released = { text: '', tokens: 0 };
/** A character has at most 4 bytes, so one that is begun is whole after 3 more tokens, or never. */
const longestWait = 4;
/** Tokens may each end one character and begin the next; beyond this many in a row the text is noise. */
const longestChain = 16;

/**
 * Turns token ids into text of whole characters. Byte-level vocabularies split characters: such a token's text ends in
 * U+FFFD, and is held until the next tokens complete it. A U+FFFD that stays is passed on after 3 more tokens.
 */
export class TokenText {
  readonly #detokenize: (tokens: readonly number[]) => string;
  #window: number[] = [];
  /** Length of the window's text that was released already. */
  #released = 0;
  /** Tokens of the window that no `Released` counted yet. */
  #uncounted = 0;
  #waited = 0;

  constructor(detokenize: (tokens: readonly number[]) => string) {
    this.#detokenize = detokenize;
  }

  push(token: number): Released {
    this.#window.push(token);
    this.#uncounted += 1;
    const text = this.#detokenize(this.#window);
    if (!text.endsWith(replacement)) return this.#releaseAll(text);

    const whole = wholeLength(text);
    if (whole > this.#released) this.#waited = 0;
    this.#waited += 1;
    if (this.#waited >= longestWait || this.#window.length >= longestChain) return this.#releaseAll(text);
    if (whole <= this.#released) return nothing;

    // The last token both ended a character and began one: it counts when the latter is whole.
    const tokens = this.#uncounted - 1;
    const piece = text.slice(this.#released, whole);
    this.#released = whole;
    this.#uncounted = 1;
    return { text: piece, tokens };
  }

  /** The rest; a character that never became whole is U+FFFD, as the engine writes it. */
  flush(): Released {
    return this.#window.length === 0 ? nothing : this.#releaseAll(this.#detokenize(this.#window));
  }

  #releaseAll(text: string): Released {
    const released = { text: text.slice(this.#released), tokens: this.#uncounted };
    this.#window = [];
    this.#released = 0;
    this.#uncounted = 0;
    this.#waited = 0;
    return released;
  }
}

/** Length without the U+FFFDs at the end: decoders write one per character or one per byte. */
function wholeLength(text: string): number {
  let end = text.length;
  while (end > 0 && text.endsWith(replacement, end)) end -= 1;
  return end;
}
