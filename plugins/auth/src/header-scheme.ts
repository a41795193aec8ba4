import { type AuthScheme, type Credentials, Failure, type Principal } from '@backplane/core/sdk';
import type { Keys } from './keys.ts';

/** One way to write a key into a header. */
export interface Form {
  /** Empty: the whole value is the key. */
  readonly prefix: string;
  readonly keys: Keys;
}

/** Finds the key in one header and says whose it is. */
export class HeaderScheme implements AuthScheme {
  readonly challenge: string;
  readonly #header: string;
  readonly #name: string;
  readonly #forms: readonly Form[];

  constructor(header: string, forms: readonly Form[]) {
    this.#header = header;
    this.#name = header.toLowerCase();
    // A bare form takes any value, so it is asked last.
    this.#forms = forms.toSorted((a, b) => Number(a.prefix === '') - Number(b.prefix === ''));
    this.challenge = this.#forms.map(({ prefix }) => challenge(header, prefix)).join(', ');
  }

  authenticate({ headers, duplicates }: Credentials): Principal | undefined {
    if (duplicates.has(this.#name)) {
      // Which of the two a proxy in front has looked at is anybody's guess.
      throw new Failure('invalid_api_key', `The header ${this.#header} came more than once; send it once.`);
    }
    const value = headers[this.#name];
    if (value === undefined) return undefined;
    for (const { prefix, keys } of this.#forms) {
      const key = keyIn(value, prefix);
      if (key === undefined) continue;
      const principal = keys.find(key);
      if (principal === undefined) throw new Failure('invalid_api_key', 'Invalid API key');
      return principal;
    }
    return undefined;
  }
}

/** undefined: the value is written another way, or holds no key at all (`Bearer` alone). */
function keyIn(value: string, prefix: string): string | undefined {
  let start = prefix.length;
  if (start > 0) {
    if (value.slice(0, start).toLowerCase() !== prefix.toLowerCase() || value[start] !== ' ') return undefined;
    while (value[start] === ' ') start++;
  }
  return start < value.length ? value.slice(start) : undefined;
}

/** RFC 9110 §11.6.1 knows only `Authorization`; for another header the challenge names it in a parameter of ours. */
function challenge(header: string, prefix: string): string {
  if (header.toLowerCase() === 'authorization' && prefix !== '') return prefix;
  return `ApiKey realm="backplane", header="${header}"${prefix === '' ? '' : `, prefix="${prefix}"`}`;
}
