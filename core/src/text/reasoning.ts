import { isSpace, overlap } from './tag.ts';

/** `markup` is the tags and the newlines that belong to them. */
export interface Segment {
  readonly kind: 'markup' | 'reasoning' | 'text';
  readonly text: string;
}

const opening = '<think>';
const closing = '</think>';
const newline = 0x0a;

/**
 * Splits `<think>…</think>` from the answer. Lossless: the segments put together are the text, byte for byte, whatever
 * the pieces. Only a block at the very start is reasoning (whitespace may precede it); a later `<think>` is the
 * answer's own. Markup takes one newline after the opening tag, one before the closing tag and up to two after it.
 */
export class ReasoningSplitter {
  #state: 'start' | 'opened' | 'inside' | 'closed' | 'text';
  #held = '';
  /** In `start`: how much of the opening tag `held` ends in; in `closed`: newlines that may still belong to the tag. */
  #count = 0;

  /** `inside`: the prompt opened the block, so the text begins in it. */
  constructor(options: { readonly inside?: boolean } = {}) {
    this.#state = options.inside ? 'opened' : 'start';
  }

  /** From here on everything is text: a caller need not push any more. */
  get done(): boolean {
    return this.#state === 'text';
  }

  get held(): boolean {
    return this.#held !== '';
  }

  push(text: string): Segment[] {
    const segments: Segment[] = [];
    let at = 0;
    while (at < text.length) {
      switch (this.#state) {
        case 'start':
          at = this.#start(text, segments);
          break;
        case 'opened':
          if (text.charCodeAt(at) === newline) {
            add(segments, 'markup', '\n');
            at += 1;
          }
          this.#state = 'inside';
          break;
        case 'inside':
          at = this.#inside(text, at, segments);
          break;
        case 'closed':
          if (text.charCodeAt(at) === newline && this.#count > 0) {
            add(segments, 'markup', '\n');
            this.#count -= 1;
            at += 1;
          } else {
            this.#state = 'text';
          }
          break;
        case 'text':
          add(segments, 'text', text.slice(at));
          at = text.length;
      }
    }
    return segments;
  }

  /** What was held back, now that no more comes. An unclosed block is reasoning to the end. */
  flush(): Segment[] {
    const segments: Segment[] = [];
    add(segments, this.#state === 'inside' ? 'reasoning' : 'text', this.#held);
    this.#held = '';
    this.#state = 'text';
    return segments;
  }

  #start(text: string, segments: Segment[]): number {
    let at = 0;
    while (at < text.length && this.#count === 0 && isSpace(text.charCodeAt(at))) at += 1;
    while (at < text.length && this.#count < opening.length) {
      if (text.charCodeAt(at) !== opening.charCodeAt(this.#count)) {
        add(segments, 'text', this.#held + text.slice(0, at));
        this.#held = '';
        this.#state = 'text';
        return at;
      }
      this.#count += 1;
      at += 1;
    }
    this.#held += text.slice(0, at);
    if (this.#count === opening.length) {
      add(segments, 'markup', this.#held);
      this.#held = '';
      this.#state = 'opened';
    }
    return at;
  }

  #inside(text: string, from: number, segments: Segment[]): number {
    const heldLength = this.#held.length;
    const body = this.#held + text.slice(from);
    const found = body.indexOf(closing);
    if (found >= 0) {
      const end = body.charCodeAt(found - 1) === newline ? found - 1 : found;
      add(segments, 'reasoning', body.slice(0, end));
      add(segments, 'markup', body.slice(end, found + closing.length));
      this.#held = '';
      this.#state = 'closed';
      this.#count = 2;
      return from + found + closing.length - heldLength;
    }
    const end = body.length - Math.max(overlap(body, `\n${closing}`), overlap(body, closing));
    add(segments, 'reasoning', body.slice(0, end));
    this.#held = body.slice(end);
    return text.length;
  }
}

function add(segments: Segment[], kind: Segment['kind'], text: string): void {
  if (text === '') return;
  const last = segments.at(-1);
  if (last?.kind === kind) segments[segments.length - 1] = { kind, text: last.text + text };
  else segments.push({ kind, text });
}
