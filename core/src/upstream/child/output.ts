import { StringDecoder } from 'node:string_decoder';

/** Longest line that is kept, in characters; the rest of it is dropped. */
const lineLimit = 2_000;
/** Lines that are remembered. */
const memory = 50;

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const ansi = /\u001b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\))/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const controls = /[\u0000-\u0008\u000b-\u001f\u007f]/g;

export interface OutputOptions {
  /** Texts that never come out, e.g. keys. */
  readonly secrets?: readonly string[];
  /** Each line on its way; undefined drops it. For what a program writes that nobody may read, such as prompts. */
  redact?(line: string): string | undefined;
}

/** What a child writes, as clean lines: no colours, no blank ones, no secrets. Remembers the last ones. */
export class Output {
  readonly #options: OutputOptions;
  readonly #told: (line: string) => void;
  readonly #recent: string[] = [];

  constructor(options: OutputOptions, told: (line: string) => void) {
    this.#options = options;
    this.#told = told;
  }

  /** The last lines, oldest first. */
  get recent(): readonly string[] {
    return this.#recent;
  }

  /** One of the child's streams: give it what comes, and call `end` when no more does. */
  stream(): { push(bytes: Uint8Array): void; end(): void } {
    const utf8 = new StringDecoder('utf8');
    let rest = '';
    const take = (text: string): void => {
      // A carriage return is how progress bars begin a line again.
      const lines = (rest + text).split(/[\r\n]/);
      rest = (lines.pop() as string).slice(0, lineLimit);
      for (const line of lines) this.#line(line);
    };
    return {
      push: (bytes) => take(utf8.write(Buffer.from(bytes))),
      end: () => take(`${utf8.end()}\n`),
    };
  }

  #line(raw: string): void {
    const clean = raw.slice(0, lineLimit).replace(ansi, '').replace(controls, '').trimEnd();
    if (clean === '') return;
    let line: string | undefined = clean;
    for (const secret of this.#options.secrets ?? []) line = secret === '' ? line : line.replaceAll(secret, '…');
    line = this.#options.redact ? this.#options.redact(line) : line;
    if (line === undefined) return;
    this.#recent.push(line);
    if (this.#recent.length > memory) this.#recent.shift();
    this.#told(line);
  }
}
