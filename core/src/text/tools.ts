import type { ChatEvent } from '../sdk/index.ts';
import { CallReader } from './call.ts';
import { isSpace, overlap } from './tag.ts';

export type ToolEvent = Extract<ChatEvent, { type: 'text' | 'tool_call' }>;

const opening = '<tool_call>';
const closing = '</tool_call>';

/**
 * Takes tool calls, `<tool_call>\n{"name": "x", "arguments": {…}}\n</tool_call>`, out of a text as it comes. A call's
 * `id` and `name` come as soon as the name is known, then the arguments as the model writes them. Whitespace right
 * before a call and between calls is dropped. What looks like a call and is none comes out as text; once its name is
 * out, its arguments end where they broke and the rest is text.
 */
export class ToolCallParser {
  readonly #newId: () => string;
  #state: 'text' | 'call' | 'end' = 'text';
  #call = new CallReader();
  #index = -1;
  #announced = false;
  #hasArguments = false;
  /** Everything since the whitespace before the opening tag, until the name is known. */
  #raw = '';
  /** Whitespace that is dropped if a call follows. */
  #space = '';
  /** The beginning of a tag. */
  #tag = '';
  /** Nothing but whitespace came since the last call. */
  #afterCall = false;

  constructor(options: { readonly id?: (() => string) | undefined } = {}) {
    this.#newId = options.id ?? callId;
  }

  /** Something is kept that may still come out as text. */
  get held(): boolean {
    return this.#state === 'call' ? !this.#announced : this.#space !== '' || this.#tag !== '';
  }

  push(text: string): ToolEvent[] {
    const events: ToolEvent[] = [];
    let rest = text;
    let at = 0;
    while (at < rest.length) {
      if (this.#state === 'text') {
        if (this.#tag !== '') {
          rest = this.#tag + rest.slice(at);
          at = 0;
          this.#tag = '';
        }
        at = this.#readText(rest, at, events);
      } else if (this.#state === 'call') {
        at = this.#readCall(rest, at, events);
      } else {
        at = this.#readEnd(rest, at);
      }
    }
    return events;
  }

  /** What was held back, now that no more comes. */
  flush(): ToolEvent[] {
    const events: ToolEvent[] = [];
    if (this.#state === 'call' && !this.#announced) addText(events, this.#raw);
    if (this.#state === 'text' && !(this.#afterCall && this.#tag === '')) addText(events, this.#space + this.#tag);
    this.#state = 'text';
    this.#raw = '';
    this.#space = '';
    this.#tag = '';
    return events;
  }

  #readText(text: string, from: number, events: ToolEvent[]): number {
    const found = text.indexOf(opening, from);
    if (found < 0) {
      // `from` may be past an earlier `<`, so the overlap is measured on what is left.
      const rest = text.slice(from);
      const kept = overlap(rest, opening);
      this.#release(rest.slice(0, rest.length - kept), events);
      this.#tag = rest.slice(rest.length - kept);
      return text.length;
    }
    this.#release(text.slice(from, found), events);
    this.#raw = this.#space + opening;
    this.#space = '';
    this.#call = new CallReader();
    this.#announced = false;
    this.#hasArguments = false;
    this.#state = 'call';
    return found + opening.length;
  }

  #readCall(text: string, from: number, events: ToolEvent[]): number {
    const call = this.#call;
    const at = call.read(text, from);
    if (!this.#announced) {
      if (call.name === undefined) {
        this.#raw += text.slice(from, at);
      } else {
        this.#announced = true;
        this.#raw = '';
        this.#index += 1;
        events.push({ type: 'tool_call', index: this.#index, id: this.#newId(), name: call.name });
      }
    }
    if (this.#announced) this.#addArguments(call.take(), events);
    if (call.done) {
      // An absent value means no arguments, which clients expect as an object.
      if (!this.#hasArguments) this.#addArguments('{}', events);
      this.#state = 'end';
    } else if (call.broken) {
      this.#state = this.#announced ? 'end' : 'text';
      this.#release(this.#raw, events);
      this.#raw = '';
    }
    if (this.#state === 'end') this.#afterCall = true;
    return at;
  }

  #readEnd(text: string, from: number): number {
    let at = from;
    while (at < text.length && this.#tag === '' && isSpace(text.charCodeAt(at))) at += 1;
    this.#space += text.slice(from, at);
    const start = at;
    while (at < text.length) {
      if (text.charCodeAt(at) !== closing.charCodeAt(this.#tag.length)) {
        // Step back rather than carry over what lies in this piece: a piece may hold thousands of unclosed calls.
        if (at - start === this.#tag.length) {
          this.#tag = '';
          at = start;
        }
        this.#state = 'text';
        return at;
      }
      this.#tag += text.charAt(at);
      at += 1;
      if (this.#tag === closing) {
        this.#tag = '';
        this.#space = '';
        this.#state = 'text';
        return at;
      }
    }
    return at;
  }

  #addArguments(text: string, events: ToolEvent[]): void {
    if (text === '') return;
    this.#hasArguments = true;
    events.push({ type: 'tool_call', index: this.#index, arguments: text });
  }

  /** Passes text on, save the whitespace at its end. */
  #release(text: string, events: ToolEvent[]): void {
    let end = text.length;
    while (end > 0 && isSpace(text.charCodeAt(end - 1))) end -= 1;
    if (end === 0) {
      this.#space += text;
      return;
    }
    addText(events, this.#space + text.slice(0, end));
    this.#space = text.slice(end);
    this.#afterCall = false;
  }
}

function addText(events: ToolEvent[], text: string): void {
  if (text === '') return;
  const last = events.at(-1);
  if (last?.type === 'text') events[events.length - 1] = { type: 'text', text: last.text + text };
  else events.push({ type: 'text', text });
}

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** `call_` and 24 random characters, as OpenAI's ids look. */
function callId(): string {
  let id = '';
  while (id.length < 24) {
    for (const byte of crypto.getRandomValues(new Uint8Array(32))) {
      // Bytes from 248 on would favour the first characters of the alphabet.
      if (byte < 248 && id.length < 24) id += alphabet.charAt(byte % 62);
    }
  }
  return `call_${id}`;
}
