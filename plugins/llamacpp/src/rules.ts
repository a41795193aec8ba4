/** White space as models write it: none, one, or a line break with indentation; bounded, so that it ends. */
const blank = 'ws ::= | " " | "\\n" [ \\t]{0,20}';

const shared = {
  string: 'string ::= "\\"" char* "\\""',
  char: 'char ::= [^"\\\\\\x7F\\x00-\\x1F] | "\\\\" (["\\\\/bfnrt] | "u" [0-9a-fA-F]{4})',
  integer: 'integer ::= "-"? ("0" | [1-9] [0-9]{0,15})',
  number: 'number ::= "-"? ("0" | [1-9] [0-9]{0,15}) ("." [0-9]{1,16})? ([eE] [-+]? [0-9]{1,2})?',
  boolean: 'boolean ::= "true" | "false"',
  null: 'null ::= "null"',
  any: 'any ::= map | array | string | number | boolean | null',
  map: 'map ::= "{" ws (string ":" ws any ("," ws string ":" ws any)*)? ws "}"',
  array: 'array ::= "[" ws (any ("," ws any)*)? ws "]"',
} as const;

const day = '[0-9]{4} "-" ("0" [1-9] | "1" [0-2]) "-" ("0" [1-9] | [1] [0-9] | "2" [0-8])';
const time =
  '([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9] ":" [0-5] [0-9] ("." [0-9]{1,6})? ("Z" | [-+] ([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9])';
const octet = '("25" [0-5] | "2" [0-4] [0-9] | "1" [0-9] [0-9] | [1-9]? [0-9])';

/** Days go to 28, so that every date made exists. */
const formats: Readonly<Record<string, string>> = {
  date: day,
  time,
  'date-time': `${day} "T" ${time}`,
  uuid: '[0-9a-f]{8} "-" [0-9a-f]{4} "-" [0-9a-f]{4} "-" [0-9a-f]{4} "-" [0-9a-f]{12}',
  ipv4: `${octet} "." ${octet} "." ${octet} "." ${octet}`,
  email:
    '[a-zA-Z0-9_+-]{1,32} ("." [a-zA-Z0-9_+-]{1,32}){0,3} "@" [a-zA-Z0-9]{1,32} ("." [a-zA-Z0-9]{1,32}){0,3} "." [a-zA-Z]{2,16}',
};

/** One property of an object: its key as JSON text, the rule of its value. */
export interface Property {
  readonly key: string;
  readonly value: string;
  readonly required: boolean;
}

/** The rules of one grammar in llama.cpp's GBNF, collected as they are needed. */
export class GrammarRules {
  readonly #rules: string[] = [];
  #count = 0;

  /** The whole grammar; `root` is what it accepts. */
  toString(root: string): string {
    return [`root ::= ${root}`, blank, ...Object.values(shared), ...this.#rules].join('\n');
  }

  /** A rule for an expression, which may be an alternative. Returns its name. */
  add(expression: string): string {
    const name = this.reserve();
    this.define(name, expression);
    return name;
  }

  /** A name to be defined later, for rules that refer to themselves. */
  reserve(): string {
    return `r${this.#count++}`;
  }

  define(name: string, expression: string): void {
    this.#rules.push(`${name} ::= ${expression}`);
  }

  /** A terminal that matches exactly this text. */
  text(text: string): string {
    return `"${text.replace(/["\\]/g, '\\$&').replaceAll('\n', '\\n').replaceAll('\r', '\\r').replaceAll('\t', '\\t')}"`;
  }

  any(): string {
    return 'any';
  }

  scalar(type: 'number' | 'integer' | 'boolean' | 'null'): string {
    return type;
  }

  /** Lengths count characters, as JSON Schema does. */
  string(min: number, max: number | undefined): string {
    if (min === 0 && max === undefined) return 'string';
    return this.add(`"\\"" char{${min},${max ?? ''}} "\\""`);
  }

  /** undefined for a format that has no grammar here. */
  format(name: string): string | undefined {
    const body = Object.hasOwn(formats, name) ? formats[name] : undefined;
    return body === undefined ? undefined : this.add(`"\\"" ${body} "\\""`);
  }

  emptyObject(): string {
    return this.add('"{" ws "}"');
  }

  /** An object of any keys. */
  map(value: string): string {
    return this.add(`"{" ws (string ":" ws ${value} ("," ws string ":" ws ${value})*)? ws "}"`);
  }

  /** An object of these keys in this order. */
  object(properties: readonly Property[]): string {
    const pairs = properties.map(({ key, value }) => this.add(`${this.text(key)} ":" ws ${value}`));
    const anchor = properties.findIndex(({ required }) => required);
    if (anchor >= 0) {
      const before = pairs.slice(0, anchor).map((pair) => `(${pair} "," ws)? `);
      const after = properties.slice(anchor + 1).map(({ required }, i) => {
        const next = `"," ws ${pairs[anchor + 1 + i]}`;
        return required ? ` ${next}` : ` (${next})?`;
      });
      return this.add(`"{" ws ${before.join('')}${pairs[anchor]}${after.join('')} ws "}"`);
    }
    // Nothing is required, so any of them may be the first: one rule for what may follow each.
    let following = '';
    const starts: string[] = [];
    for (const pair of pairs.toReversed()) {
      starts.unshift(following === '' ? pair : `${pair} ${following}`);
      following = this.add(`("," ws ${pair})? ${following}`);
    }
    return this.add(`"{" ws (${starts.join(' | ')})? ws "}"`);
  }

  /** Fixed items first, then as many of `rest` as the bounds allow; undefined: none. */
  array(first: readonly string[], rest: string | undefined, min: number, max: number | undefined): string {
    const most = Math.min(
      max ?? Number.POSITIVE_INFINITY,
      rest === undefined ? first.length : Number.POSITIVE_INFINITY,
    );
    let tail = '';
    if (rest !== undefined && most > first.length) {
      const atLeast = Math.max(0, min - first.length);
      const atMost = Number.isFinite(most) ? String(most - first.length) : '';
      if (first.length > 0) tail = `("," ws ${rest}){${atLeast},${atMost}}`;
      else if (atMost === '1') tail = atLeast > 0 ? rest : `(${rest})?`;
      else {
        const more = `${rest} ("," ws ${rest}){${Math.max(0, atLeast - 1)},${atMost === '' ? '' : Number(atMost) - 1}}`;
        tail = atLeast > 0 ? more : `(${more})?`;
      }
    }
    // From the back: an item may only be there when the one before it is.
    for (let i = Math.min(first.length, most) - 1; i >= 0; i--) {
      const item = `${i > 0 ? '"," ws ' : ''}${first[i]} ${tail}`;
      tail = i < min ? item : `(${item})?`;
    }
    return this.add(`"[" ws ${tail} ws "]"`);
  }
}
