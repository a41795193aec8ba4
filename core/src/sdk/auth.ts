/** What a request shows of itself before anything else of it is read. */
export interface Credentials {
  /** Lower-case names; a header that came twice is a `duplicates` entry and absent here. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Names of headers that came more than once. */
  readonly duplicates: ReadonlySet<string>;
}

/** Who a key belongs to. */
export interface Principal {
  /** From config.yaml, never from the request. */
  readonly name: string;
  /** Model ids this principal may call; undefined: all. */
  readonly models?: readonly string[] | undefined;
}

/** Who called when no auth plugin is loaded, or the one that is accepts any key. */
export const anonymous: Principal = { name: 'anonymous' };

export interface AuthScheme {
  /** Sent as `WWW-Authenticate` on 401, e.g. `Bearer`. */
  readonly challenge: string;
  /** undefined: not my kind of credential, ask the next scheme. Throws `invalid_api_key` to refuse at once. Must not do I/O. */
  authenticate(credentials: Credentials): Principal | undefined;
}
