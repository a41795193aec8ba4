import { randomUUID } from 'node:crypto';
import type { Log } from '@backplane/core/sdk';
import { Redis, ReplyError } from 'ioredis';
import { RateLimiterRedis } from 'rate-limiter-flexible';
import { minute } from './minute.ts';
import { type Place, type Store, StoreFailure, type Window } from './store.ts';

export interface RedisStoreOptions {
  /** `redis://` or `rediss://`; holds a password, so it is never shown. */
  readonly url: string;
  readonly prefix: string;
  readonly log: Log;
  /** Called when it is found down, and when it is back. */
  readonly onChange: (up: boolean) => void;
}

/** No call waits longer than this for an answer, the time that this process was busy with other things apart. */
const answerMs = 250;
/** In so many turns of the event loop at least: a connection takes several, and a busy process needs long for one. */
const answerTurns = 10;
/** How often a store that is down is asked whether it is back. */
const probeMs = 500;
/** A place that is not confirmed this long is free: its holder has crashed. */
const leaseMs = 30_000;

/** A sorted set of holders by the end of their lease, in the server's time. */
const now = `local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
`;
/** KEYS: set. ARGV: lease ms, places, holder. Gives 1 when a place was free. */
const enter = `${now}
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[1], ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1`;
/** KEYS: set. ARGV: lease ms, holder... A holder that a restart of the server has forgotten gets its place again. */
const confirm = `${now}
for i = 2, #ARGV do redis.call('ZADD', KEYS[1], now + ARGV[1], ARGV[i]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])`;

/** Counts in Redis or Valkey. Connects when first used; never waits for a server that does not answer. */
export class RedisStore implements Store {
  readonly #options: RedisStoreOptions;
  /** Without the password. */
  readonly #server: string;
  /** Holder ids of this process, by key. */
  readonly #held = new Map<string, Set<string>>();
  readonly #self = randomUUID();
  #client: Redis | undefined;
  #minutes: RateLimiterRedis | undefined;
  #connected: Promise<void> | undefined;
  #up = true;
  #ready = false;
  #closed = false;
  #holders = 0;
  #probe: NodeJS.Timeout | undefined;
  #confirm: NodeJS.Timeout | undefined;
  /** Why the connection is not there. */
  #trouble: string | undefined;

  constructor(options: RedisStoreOptions) {
    this.#options = options;
    const { hostname, port } = new URL(options.url);
    this.#server = `${hostname}:${port || 6379}`;
  }

  add(key: string, points: number): Promise<Window> {
    return this.#ask(async (_client, minutes) => {
      const { consumedPoints, msBeforeNext } = await minutes.penalty(key, points);
      return { used: consumedPoints, leftMs: msBeforeNext };
    });
  }

  async enter(key: string, places: number): Promise<Place | undefined> {
    const set = `${this.#options.prefix}:${key}`;
    const holder = `${this.#self}:${this.#holders++}`;
    // An answer that comes too late leaves a place that nobody holds, which its lease ends.
    if ((await this.#ask((client) => client.eval(enter, 1, set, leaseMs, places, holder))) !== 1) return undefined;
    this.#hold(set, holder);
    return { leave: () => this.#leave(set, holder) };
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#probe);
    clearInterval(this.#confirm);
    // What was sent before, e.g. the charges of the last calls, is answered before this.
    if (this.#client?.status === 'ready') await within(answerMs, this.#client.quit()).catch(() => {});
    this.#client?.disconnect();
  }

  /** While it is down, calls are told so at once; only the probe asks. */
  async #ask<T>(question: (client: Redis, minutes: RateLimiterRedis) => Promise<T>): Promise<T> {
    if (!this.#up || this.#closed) throw new StoreFailure();
    try {
      return await within(answerMs, this.#answer(question));
    } catch (thrown) {
      this.#lost(thrown);
      throw new StoreFailure();
    }
  }

  async #answer<T>(question: (client: Redis, minutes: RateLimiterRedis) => Promise<T>): Promise<T> {
    const client = this.#open();
    if (client.status !== 'ready') await this.#connected;
    const minutes = this.#minutes as RateLimiterRedis;
    try {
      return await question(client, minutes);
    } catch (thrown) {
      // No answer at all: the server closed the connection just when it was asked, which the client may not have noticed yet.
      // Had it heard, this counts one too many, never one too few.
      if (thrown instanceof ReplyError || !this.#up || this.#closed) throw thrown;
      this.#reconnects(client);
      await this.#connected;
      // Too late for the call, which must not be counted then.
      if (!this.#up) throw thrown;
      return question(client, minutes);
    }
  }

  #open(): Redis {
    if (this.#client) return this.#client;
    const client = new Redis(this.#options.url, {
      lazyConnect: true,
      enableOfflineQueue: false,
      // What was in flight when the connection broke fails at once, and is not sent twice.
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
      connectTimeout: 2_000,
      // Of a connection whose other end has vanished without a word.
      socketTimeout: 5_000,
      retryStrategy: (times) => Math.min(100 * (times - 1), probeMs),
    });
    client.on('error', (error) => {
      this.#trouble = error.message;
    });
    client.on('close', () => this.#reconnects(client));
    client.on('ready', () => {
      this.#trouble = undefined;
      this.#ready = true;
      if (!this.#up) void this.#look();
    });
    this.#minutes = new RateLimiterRedis({ ...minute(this.#options.prefix), storeClient: client });
    this.#connected = within(answerMs, client.connect());
    // Every call that waits for it gets its outcome; here it only must not be unhandled.
    this.#connected.catch(() => {});
    this.#client = client;
    return client;
  }

  /** A server may close a connection that is idle; only one that stays away is down. */
  #reconnects(client: Redis): void {
    if (!this.#ready || !this.#up || this.#closed) return;
    this.#ready = false;
    this.#connected = within(answerMs, new Promise<void>((resolve) => client.once('ready', () => resolve())));
    this.#connected.catch((late: unknown) => this.#lost(late));
  }

  #lost(thrown: unknown): void {
    if (!this.#up || this.#closed) return;
    this.#up = false;
    // Only the sentence: an error of the client carries the command, which may be AUTH with its password.
    const reason = this.#trouble ?? (thrown instanceof Error ? thrown.message : String(thrown));
    this.#options.log.error({ store: this.#server, reason }, 'The store of the rate limits does not answer');
    this.#options.onChange(false);
    this.#probe = setTimeout(() => void this.#look(), probeMs).unref();
  }

  /** Asks by a write: a server that is read-only or full answers, yet cannot count. */
  async #look(): Promise<void> {
    clearTimeout(this.#probe);
    try {
      await within(answerMs, this.#open().set(`${this.#options.prefix}:probe`, 1, 'PX', 1_000));
    } catch {
      if (!this.#closed) this.#probe = setTimeout(() => void this.#look(), probeMs).unref();
      return;
    }
    if (this.#up || this.#closed) return;
    this.#up = true;
    this.#confirmAll();
    this.#options.log.info({ store: this.#server }, 'The store of the rate limits answers again');
    this.#options.onChange(true);
  }

  #hold(set: string, holder: string): void {
    const holders = this.#held.get(set) ?? new Set();
    this.#held.set(set, holders.add(holder));
    this.#confirm ??= setInterval(() => this.#confirmAll(), leaseMs / 3).unref();
  }

  #leave(set: string, holder: string): void {
    const holders = this.#held.get(set);
    holders?.delete(holder);
    if (holders?.size === 0) this.#held.delete(set);
    if (this.#held.size === 0) {
      clearInterval(this.#confirm);
      this.#confirm = undefined;
    }
    this.#ask((client) => client.zrem(set, holder)).catch(() => {});
  }

  #confirmAll(): void {
    for (const [set, holders] of this.#held) {
      this.#ask((client) => client.eval(confirm, 1, set, leaseMs, ...holders)).catch(() => {});
    }
  }
}

async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  let turns = answerTurns;
  const turn = (): void => {
    turns--;
    // A last look at the sockets: the answer may lie there.
    if (turns > 0) timer.refresh();
    else setImmediate(() => late.reject(new Error(`there was no answer within ${ms} ms`)));
  };
  const timer = setTimeout(turn, ms / turns);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
