import { JsonEnd } from './json.ts';
import { QuotedText } from './quoted.ts';
import { isSpace } from './tag.ts';

type Field = 'name' | 'arguments' | 'other';

/**
 * Reads one tool call, `{"name": "x", "arguments": {…}}`, as it comes. The keys may be in either order, and other keys
 * are skipped. `arguments` is handed on as the model wrote it, or decoded where it is a JSON string.
 */
export class CallReader {
  #state: 'object' | 'key' | 'in key' | 'colon' | 'value' | 'in string' | 'in json' | 'comma' | 'done' | 'broken' =
    'object';
  #field: Field = 'other';
  #quoted = new QuotedText();
  #json = new JsonEnd();
  #text = '';
  #name: string | undefined;
  #arguments = '';
  readonly #seen = new Set<string>();

  /** Known from its closing quote on. */
  get name(): string | undefined {
    return this.#name;
  }

  get done(): boolean {
    return this.#state === 'done';
  }

  /** What came is not a tool call. */
  get broken(): boolean {
    return this.#state === 'broken';
  }

  /** The arguments' text since the last call. */
  take(): string {
    const taken = this.#arguments;
    this.#arguments = '';
    return taken;
  }

  /** Reads from `from` on; the index after the object's end, at what broke it, or the length of the text. */
  read(text: string, from: number): number {
    let at = from;
    while (at < text.length && this.#state !== 'done' && this.#state !== 'broken') {
      if (this.#state === 'in key' || this.#state === 'in string') at = this.#readQuoted(text, at);
      else if (this.#state === 'in json') at = this.#readJson(text, at);
      else if (isSpace(text.charCodeAt(at))) at += 1;
      else at += this.#structure(text.charAt(at));
    }
    return at;
  }

  /** How far a character between keys and values takes us: 1, or 0 where it is left to the next state or broke the call. */
  #structure(char: string): 0 | 1 {
    switch (this.#state) {
      case 'object':
        this.#state = char === '{' ? 'key' : 'broken';
        break;
      case 'key':
        if (char === '"') this.#startQuoted('in key');
        else this.#state = char === '}' ? this.#end() : 'broken';
        break;
      case 'colon':
        this.#state = char === ':' ? 'value' : 'broken';
        break;
      case 'value':
        if (char === '"' && this.#field !== 'other') {
          this.#startQuoted('in string');
        } else if (this.#field === 'name') {
          this.#state = 'broken';
        } else {
          this.#json = new JsonEnd();
          this.#state = 'in json';
          return 0;
        }
        break;
      case 'comma':
        if (char === ',') this.#state = 'key';
        else this.#state = char === '}' ? this.#end() : 'broken';
    }
    return this.broken ? 0 : 1;
  }

  #end(): 'done' | 'broken' {
    return this.#name === undefined ? 'broken' : 'done';
  }

  #startQuoted(state: 'in key' | 'in string'): void {
    this.#quoted = new QuotedText();
    this.#text = '';
    this.#state = state;
  }

  #readQuoted(text: string, from: number): number {
    const at = this.#quoted.read(text, from);
    const decoded = this.#quoted.take();
    if (this.#state === 'in string' && this.#field === 'arguments') this.#arguments += decoded;
    else this.#text += decoded;
    if (this.#quoted.broken) this.#state = 'broken';
    else if (this.#quoted.closed) this.#endQuoted();
    return at;
  }

  #endQuoted(): void {
    if (this.#state === 'in key') {
      // Of a key that comes twice the first counts: its value may be with the client already.
      const known = (this.#text === 'name' || this.#text === 'arguments') && !this.#seen.has(this.#text);
      this.#field = known ? (this.#text as Field) : 'other';
      if (known) this.#seen.add(this.#text);
      this.#state = 'colon';
      return;
    }
    this.#state = 'comma';
    if (this.#field !== 'name') return;
    if (this.#text === '') this.#state = 'broken';
    else this.#name = this.#text;
  }

  #readJson(text: string, from: number): number {
    const length = this.#json.push(text.slice(from));
    const at = length < 0 ? text.length : from + length;
    if (this.#field === 'arguments') this.#arguments += text.slice(from, at);
    if (this.#json.broken) this.#state = 'broken';
    else if (this.#json.closed) this.#state = 'comma';
    return at;
  }
}
