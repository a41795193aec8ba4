import { Breaker } from './breaker.ts';
import type { UpstreamHost, UpstreamOptions } from './options.ts';
import { Connections } from './wire/connections.ts';

/** One server: its connections, its key, and how it has been doing. */
export class Upstream {
  /** For messages and metrics, since addresses are the operator's business: its place in the list. */
  readonly index: number;
  readonly host: UpstreamHost;
  readonly connections: Connections;
  readonly breaker: Breaker;
  /** Path in front of `/v1/…`, without a slash at its end. */
  readonly base: string;
  /** Name and value of the header that carries its key; or nothing. */
  readonly credentials: readonly string[];
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
    const url = new URL(host.url);
    this.base = url.pathname.replace(/\/+$/, '').replace(/\/v1$/, '');
    this.credentials = host.key
      ? [host.header.toLowerCase(), host.prefix === '' ? host.key : `${host.prefix} ${host.key}`]
      : [];
    this.connections = new Connections(url, timeouts);
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

  close(): void {
    this.connections.close();
  }
}
