import type { IncomingMessage, ServerResponse } from 'node:http';

/**
 * Lets pages of other origins call this server (https://fetch.spec.whatwg.org/#http-cors-protocol). Headers go on the raw
 * response, since most replies are written past Fastify. Cookies are never allowed: a page has to know a key.
 */
export class Cors {
  readonly #any: boolean;
  readonly #origins: ReadonlySet<string>;

  /** Origins as browsers send them, e.g. `https://chat.example.com`; `*`: all. */
  constructor(origins: readonly string[]) {
    this.#any = origins.includes('*');
    this.#origins = new Set(origins);
  }

  /** Names the origin on the reply when its pages may read it, whatever the reply will be. Returns whether they may. */
  admit({ headers }: IncomingMessage, response: ServerResponse): boolean {
    const { origin } = headers;
    if (this.#any) response.setHeader('access-control-allow-origin', '*');
    // A cache must not give one origin the reply of another.
    else response.setHeader('vary', 'Origin');
    if (origin === undefined) return false;
    if (this.#any) {
      response.setHeader('access-control-expose-headers', '*');
      return true;
    }
    if (!this.#origins.has(origin)) return false;
    response.setHeader('access-control-allow-origin', origin);
    response.setHeader('access-control-expose-headers', '*');
    return true;
  }

  /** A browser asks whether a request of an admitted origin may be sent; it carries no key then. */
  isPreflight({ method, headers }: IncomingMessage): boolean {
    return method === 'OPTIONS' && headers['access-control-request-method'] !== undefined;
  }

  /** `methods`: what the path answers. */
  answer({ headers }: IncomingMessage, response: ServerResponse, methods: readonly string[]): void {
    const wanted = headers['access-control-request-headers'] ?? '';
    response.writeHead(204, {
      'access-control-allow-methods': methods.join(', ') || 'GET, POST',
      // The SDKs send headers of their own, and a key may be in any: what is asked for is granted.
      ...(/^[\w!#$%&'*+.^`|~, -]{1,2048}$/.test(wanted) && { 'access-control-allow-headers': wanted }),
      'access-control-max-age': '600',
    });
    response.end();
  }
}
