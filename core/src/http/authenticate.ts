import type { IncomingMessage } from 'node:http';
import { type AuthScheme, anonymous, type Credentials, Failure, type Observer, type Principal } from '../sdk/index.ts';

export interface NamedScheme {
  readonly name: string;
  readonly scheme: AuthScheme;
}

/** Asks the schemes in order. No scheme at all: everyone is anonymous. */
export class Authentication {
  readonly #schemes: readonly NamedScheme[];
  readonly #emit: Observer;
  /** For `WWW-Authenticate`; undefined when nobody asks for a key. */
  readonly challenge: string | undefined;

  constructor(schemes: readonly NamedScheme[], emit: Observer) {
    this.#schemes = schemes;
    this.#emit = emit;
    this.challenge = [...new Set(schemes.map(({ scheme }) => scheme.challenge))].join(', ') || undefined;
  }

  /** Whether a caller without a key is refused: a scheme may admit everyone. */
  get guards(): boolean {
    return this.#schemes.length > 0 && !this.#schemes.some(({ scheme }) => admitsAnyone(scheme));
  }

  /** Throws `invalid_api_key`. Synchronous: it runs before anything of the body is read. */
  authenticate(call: string, request: IncomingMessage): Principal {
    if (this.#schemes.length === 0) return anonymous;
    return this.#ask(request, (scheme, reason) => this.#emit({ type: 'auth_failed', call, scheme, reason }));
  }

  /** Who it is, on a route that does not ask: undefined for a missing or a wrong key. */
  recognise(request: IncomingMessage): Principal | undefined {
    if (this.#schemes.length === 0) return anonymous;
    try {
      return this.#ask(request, () => {});
    } catch {
      return undefined;
    }
  }

  #ask(
    request: IncomingMessage,
    refused: (scheme: string, reason: 'missing' | 'wrong' | 'duplicate') => void,
  ): Principal {
    const credentials = credentialsOf(request);
    for (const { name, scheme } of this.#schemes) {
      try {
        const principal = scheme.authenticate(credentials);
        if (principal) return principal;
      } catch (thrown) {
        const reason = credentials.duplicates.has(name.toLowerCase()) ? 'duplicate' : 'wrong';
        refused(name, reason);
        throw Failure.from(thrown);
      }
    }
    refused('none', 'missing');
    throw new Failure('invalid_api_key', 'Invalid API key');
  }
}

/** From the raw headers: Node keeps the first of two `Authorization` headers and says nothing. */
function credentialsOf({ rawHeaders, headers: known }: IncomingMessage): Credentials {
  // As many names as there are lines: none came twice, and Node's object, which is made anyway, says it all.
  if (Object.keys(known).length * 2 === rawHeaders.length && known['set-cookie'] === undefined) {
    return { headers: known as Credentials['headers'], duplicates: none };
  }
  const headers: Record<string, string | undefined> = Object.create(null);
  let duplicates: Set<string> | undefined;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase();
    if (headers[name] !== undefined || duplicates?.has(name)) {
      duplicates ??= new Set();
      duplicates.add(name);
      headers[name] = undefined;
    } else headers[name] = rawHeaders[i + 1] as string;
  }
  return { headers, duplicates: duplicates ?? none };
}

const none: ReadonlySet<string> = new Set();

function admitsAnyone(scheme: AuthScheme): boolean {
  try {
    return scheme.authenticate({ headers: {}, duplicates: none }) !== undefined;
  } catch {
    return false;
  }
}
