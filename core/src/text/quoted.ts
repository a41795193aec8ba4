const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

/** Decodes one JSON string as it comes, from after its opening quote. */
export class QuotedText {
  #decoded = '';
  /** An escape that is not complete yet, with its backslash. */
  #escape = '';
  #state: 'open' | 'closed' | 'broken' = 'open';

  get closed(): boolean {
    return this.#state === 'closed';
  }

  /** An escape was none that JSON knows. */
  get broken(): boolean {
    return this.#state === 'broken';
  }

  /** Reads from `from` on; the index after the closing quote, at what broke it, or the length of the text. */
  read(text: string, from: number): number {
    let at = from;
    while (at < text.length && this.#state === 'open') {
      if (this.#escape !== '') {
        this.#continueEscape(text.charAt(at));
        if (this.#state === 'open') at += 1;
        continue;
      }
      let end = at;
      while (end < text.length && text.charCodeAt(end) !== 0x22 && text.charCodeAt(end) !== 0x5c) end += 1;
      this.#decoded += text.slice(at, end);
      at = end;
      if (at === text.length) break;
      if (text.charCodeAt(at) === 0x22) this.#state = 'closed';
      else this.#escape = '\\';
      at += 1;
    }
    return at;
  }

  /** What was decoded since the last call. Half of a character that was written as two escapes waits for its other half. */
  take(): string {
    const decoded = this.#decoded;
    const last = decoded.charCodeAt(decoded.length - 1);
    const half = this.#state === 'open' && last >= 0xd800 && last <= 0xdbff;
    this.#decoded = half ? decoded.slice(-1) : '';
    return half ? decoded.slice(0, -1) : decoded;
  }

  #continueEscape(char: string): void {
    if (this.#escape === '\\') {
      const decoded = escapes[char];
      if (decoded !== undefined) {
        this.#decoded += decoded;
        this.#escape = '';
      } else if (char === 'u') {
        this.#escape = '\\u';
      } else {
        this.#state = 'broken';
      }
    } else if (/[0-9a-fA-F]/.test(char)) {
      this.#escape += char;
      if (this.#escape.length < 6) return;
      this.#decoded += String.fromCharCode(Number.parseInt(this.#escape.slice(2), 16));
      this.#escape = '';
    } else {
      this.#state = 'broken';
    }
  }
}
