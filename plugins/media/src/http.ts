import type { LookupAddress, LookupAllOptions } from 'node:dns';
import { lookup as systemLookup } from 'node:dns';
import { isIP } from 'node:net';
import type { Agent } from 'undici';
import { Addresses } from './addresses.ts';
import type { UrlOptions } from './config.ts';
import { Hosts } from './hosts.ts';
import { Rejection, tooLarge } from './rejection.ts';

const mostRedirects = 3;
const connectMs = 5_000;
const redirects = new Set([301, 302, 303, 307, 308]);

/** As `dns.lookup` with `all`. */
export type Lookup = (
  host: string,
  options: LookupAllOptions,
  done: (error: Error | null, addresses: LookupAddress[]) => void,
) => void;

/**
 * Fetches what an http or https URL names. Every hop goes through the same door: scheme, host, then all addresses of the
 * name, and what is dialled are those very addresses. No proxy of the environment is asked.
 */
export class HttpReader {
  readonly #options: UrlOptions;
  readonly #hosts: Hosts;
  readonly #addresses: Addresses;
  readonly #lookup: Lookup;
  #agent: Promise<Agent> | undefined;

  constructor(options: UrlOptions, lookup: Lookup = systemLookup) {
    this.#options = options;
    this.#hosts = new Hosts(options.allow_hosts);
    this.#addresses = new Addresses(options);
    this.#lookup = lookup;
  }

  /** Throws a Rejection. */
  async read(url: string, signal: AbortSignal): Promise<Buffer> {
    const late = AbortSignal.timeout(this.#options.timeout);
    const within = AbortSignal.any([signal, late]);
    try {
      let target = this.#check(URL.parse(url));
      for (let hop = 0; hop <= mostRedirects; hop++) {
        const next = await this.#ask(target, within);
        if (Buffer.isBuffer(next)) return next;
        target = this.#check(next);
      }
      throw new Rejection('unreachable', `The media URL leads to more than ${mostRedirects} redirects.`);
    } catch (thrown) {
      signal.throwIfAborted();
      const rejection = rejectionIn(thrown);
      if (rejection) throw rejection;
      if (late.aborted) {
        const seconds = this.#options.timeout / 1_000;
        throw new Rejection('too_slow', `The media URL took longer than this server waits (${seconds} s).`, thrown);
      }
      throw new Rejection('unreachable', 'The media URL could not be fetched.', thrown);
    }
  }

  async close(): Promise<void> {
    await (await this.#agent)?.destroy();
  }

  /** What can be said of a URL before anything is asked. */
  #check(url: URL | null): URL {
    if (!url) throw new Rejection('malformed', 'The media URL could not be read.');
    const { schemes } = this.#options;
    if (!(schemes as readonly string[]).includes(url.protocol.slice(0, -1))) {
      throw new Rejection(
        'not_allowed',
        `The media URL leads to ${url.protocol.slice(0, 32)} URLs, which this server does not load.`,
      );
    }
    if (url.username !== '' || url.password !== '') {
      throw new Rejection('not_allowed', 'A media URL with a user or a password is not loaded.');
    }
    if (!this.#hosts.allow(url)) throw notAllowed();
    // No name, so nothing is looked up on the way.
    const literal = url.hostname.replace(/^\[|\]$/g, '');
    if (isIP(literal) !== 0 && !this.#addresses.allows(literal)) throw notAllowed();
    return url;
  }

  /** The medium, or where else it is. */
  async #ask(url: URL, signal: AbortSignal): Promise<Buffer | URL | null> {
    const agent = await this.#open();
    const { statusCode, headers, body } = await agent.request({
      origin: url.origin,
      path: url.pathname + url.search,
      method: 'GET',
      headers: { accept: 'image/*, video/*', 'accept-encoding': 'identity', 'user-agent': 'backplane' },
      signal,
    });
    const done = (): void => void body.on('error', () => {}).destroy();
    if (redirects.has(statusCode)) {
      done();
      const { location } = headers;
      return typeof location === 'string' ? URL.parse(location, url.href) : null;
    }
    if (statusCode !== 200) {
      done();
      throw new Rejection('unreachable', `The media URL was answered with status ${statusCode}.`);
    }
    const encoding = headers['content-encoding'];
    if (encoding !== undefined && encoding !== 'identity') {
      done();
      throw new Rejection(
        'malformed',
        'The media URL was answered with a compressed body, which nobody had asked for.',
      );
    }
    const most = this.#options.max_bytes;
    if (Number(headers['content-length'] ?? 0) > most) {
      done();
      throw tooLarge(most);
    }
    return readAll(body, most);
  }

  /** undici is loaded when it is first needed. */
  #open(): Promise<Agent> {
    this.#agent ??= import('undici').then(
      ({ Agent }) =>
        new Agent({
          // A connection serves one request: the next one's addresses are looked up and checked again.
          pipelining: 0,
          maxHeaderSize: 16 * 1024,
          connect: { timeout: connectMs, lookup: this.#resolve.bind(this) as never },
        }),
    );
    return this.#agent;
  }

  /** The socket dials what this gives it, and nothing else: one look-up, no gap between check and use. */
  #resolve(host: string, options: LookupAllOptions, done: (error: Error | null, found: LookupAddress[]) => void): void {
    this.#lookup(host, { ...options, all: true }, (error, found) => {
      if (error) return done(new Rejection('not_allowed', unavailable, error), []);
      // One forbidden address among them is a trap or a mistake: none is dialled.
      if (found.length === 0 || !found.every(({ address }) => this.#addresses.allows(address))) {
        return done(notAllowed(), []);
      }
      done(null, found);
    });
  }
}

/** The same for what is not there, so that nobody learns which internal names exist. */
const unavailable = 'The host of this media URL does not exist, or this server may not ask it.';

function notAllowed(): Rejection {
  return new Rejection('not_allowed', unavailable);
}

/** undici may wrap what a look-up gave. */
function rejectionIn(thrown: unknown): Rejection | undefined {
  for (let error = thrown; error instanceof Error; error = error.cause) if (error instanceof Rejection) return error;
  return undefined;
}

async function readAll(body: AsyncIterable<Buffer>, most: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    // Leaving the loop destroys the connection.
    if (size > most) throw tooLarge(most);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
