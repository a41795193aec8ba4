import { Pool } from 'undici';
import { Breaker } from './breaker.ts';
import type { UpstreamHost, UpstreamOptions } from './options.ts';

/** One server: its connections, its key, and how it has been doing. */
export class Upstream {
  /** For messages and metrics, since addresses are the operator's business: its place in the list. */
  readonly index: number;
  readonly host: UpstreamHost;
  readonly pool: Pool;
  readonly breaker: Breaker;
  /** Path in front of `/v1/…`, without a slash at its end. */
  readonly base: string;
  /** Name and value of the header that carries its key. */
  readonly credentials: Readonly<Record<string, string>>;
  /** The same as undici takes it fastest: a name and a value, or nothing. */
  readonly credentialPair: readonly string[];
  /** Calls under way. */
  outstanding = 0;
  /** What the last probe said; undefined before the first. */
  healthy: boolean | undefined;
  /** It is known to say the usage in every chunk of a stream when asked to (`continuous_usage_stats`). */
  counting = false;
  /** It asked to be left alone until then (`Retry-After`), epoch ms. */
  busyUntil = 0;

  constructor(index: number, host: UpstreamHost, { timeouts, eject }: UpstreamOptions) {
    this.index = index;
    this.host = host;
    this.breaker = new Breaker(eject);
    const { origin, pathname } = new URL(host.url);
    this.base = pathname.replace(/\/+$/, '').replace(/\/v1$/, '');
    this.credentials = host.key
      ? { [host.header.toLowerCase()]: host.prefix === '' ? host.key : `${host.prefix} ${host.key}` }
      : {};
    this.credentialPair = Object.entries(this.credentials).flat();
    this.pool = new Pool(origin, {
      // No cap: undici would queue in silence past it. Admission and max_concurrent bound the calls.
      connections: null,
      pipelining: 1,
      allowH2: false,
      // Below uvicorn's five seconds, so that it is rarely the server that closes first.
      keepAliveTimeout: 4_000,
      connect: { timeout: timeouts.connect },
      headersTimeout: timeouts.first_byte,
      bodyTimeout: timeouts.idle,
    });
  }

  /** `upstream 2`, counted as people count. */
  get title(): string {
    return this.host.title ?? `upstream ${this.index + 1}`;
  }

  /** Whether a call may go there now. */
  available(now: number): boolean {
    return this.healthy !== false && now >= this.busyUntil && this.roomy && this.breaker.allows(now);
  }

  get roomy(): boolean {
    return this.outstanding < (this.host.max_concurrent ?? Number.POSITIVE_INFINITY);
  }

  /** Calls under way per share. */
  get load(): number {
    return (this.outstanding + 1) / this.host.weight;
  }

  close(): Promise<void> {
    return this.pool.destroy();
  }
}
