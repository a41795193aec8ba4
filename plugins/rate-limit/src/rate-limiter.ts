import { Failure, type Grant, type LimitedCall, type Limiter, type Usage } from '@backplane/core/sdk';
import { type Reading, rateHeaders } from './headers.ts';
import type { Bound, Kind, Limit } from './limit.ts';
import { type Place, type Store, StoreFailure } from './store.ts';

export interface RateLimiterOptions {
  readonly limits: readonly Limit[];
  readonly store: Store;
  /** What becomes of calls while the store does not answer. */
  readonly onStoreFailure: 'open' | 'closed';
  /** Counts the calls that were refused. */
  readonly rejected: (kind: Kind | 'store', model: string) => void;
}

/** When a place comes free nobody knows, so the client is told to ask soon. */
const placeRetryMs = 1_000;
const storeRetryMs = 1_000;

const unlimited: Grant = { headers: {}, settle: () => {} };

/** Lets a call in when every limit that fits it has room. A call that is refused counts against none of them. */
export class RateLimiter implements Limiter {
  readonly #options: RateLimiterOptions;

  constructor(options: RateLimiterOptions) {
    this.#options = options;
  }

  async admit(call: LimitedCall): Promise<Grant> {
    const { limits, onStoreFailure, rejected } = this.#options;
    const bounds = limits.flatMap((limit) => limit.bounds(call));
    if (bounds.length === 0) return unlimited;
    const places: Place[] = [];
    try {
      const { readings, refused } = await this.#enter(bounds, places);
      const headers = rateHeaders(readings);
      if (!refused) return { headers, settle: (usage) => this.#settle(bounds, places, usage) };
      for (const place of places) place.leave();
      rejected(refused.bound.kind, call.model);
      throw refusal(refused, headers);
    } catch (thrown) {
      if (!(thrown instanceof StoreFailure)) throw thrown;
      for (const place of places) place.leave();
      if (onStoreFailure === 'open') return unlimited;
      rejected('store', call.model);
      throw new Failure(
        'not_ready',
        `The rate limit of ${call.model} cannot be checked, since the store of its counts does not answer; try again shortly.`,
        { retryAfterMs: storeRetryMs },
      );
    }
  }

  /**
   * Requests are counted last: a place can be given back and tokens are only read, so that whoever is refused for those
   * has used up no request. Puts the places it takes into `places`. Throws a StoreFailure.
   */
  async #enter(bounds: readonly Bound[], places: Place[]): Promise<Entered> {
    const { store } = this.#options;
    const of = (kind: Kind): readonly Bound[] => bounds.filter((bound) => bound.kind === kind);
    const read = (bound: Bound, points: number): Promise<Reading> =>
      store.add(bound.key, points).then((window) => ({ ...window, bound }));

    const entering = of('concurrent').map(async (bound) => {
      const place = await store.enter(bound.key, bound.most);
      if (place) places.push(place);
      return place ? undefined : { bound, leftMs: placeRetryMs };
    });
    const reading = of('tokens').map((bound) => read(bound, 0));
    // All of them to their end, also when one fails: a place taken after this has returned would be nobody's.
    await Promise.allSettled([...entering, ...reading]);
    const tokens = await Promise.all(reading);
    const full = (await Promise.all(entering)).find((taken) => taken !== undefined);
    const refused = longest(tokens.filter(({ bound, used }) => used >= bound.most)) ?? full;
    if (refused) return { readings: tokens, refused };

    const requests = await Promise.all(of('requests').map((bound) => read(bound, 1)));
    const over = longest(requests.filter(({ bound, used }) => used > bound.most));
    if (over && requests.length > 1) takeBack(store, requests);
    return { readings: [...requests, ...tokens], refused: over };
  }

  #settle(bounds: readonly Bound[], places: readonly Place[], usage: Usage | undefined): void {
    for (const place of places) place.leave();
    const tokens = usage ? usage.promptTokens + usage.completionTokens : 0;
    if (tokens === 0) return;
    for (const { kind, key } of bounds) {
      // A charge that is lost while the store is down is part of what `open` and `closed` accept.
      if (kind === 'tokens') this.#options.store.add(key, tokens).catch(() => {});
    }
  }
}

/** What the limits say of a call. */
interface Entered {
  readonly readings: readonly Reading[];
  readonly refused: Wait | undefined;
}

/** The bound that refuses a call, and for how long. */
type Wait = Pick<Reading, 'bound' | 'leftMs'>;

const units = { requests: 'requests per minute', tokens: 'tokens per minute', concurrent: 'concurrent calls' } as const;

function refusal({ bound: { kind, most, whose }, leftMs }: Wait, headers: Grant['headers']): Failure {
  const seconds = Math.ceil(leftMs / 1000);
  const sentence = `The limit of ${units[kind]} ${whose} (${most}) is reached; try again in ${seconds} s.`;
  return new Failure('rate_limited', sentence, {
    retryAfterMs: leftMs,
    // OpenAI's clients prefer it to Retry-After, and do not obey one of 60 s or more.
    headers: { ...headers, 'retry-after-ms': String(Math.ceil(leftMs)) },
  });
}

/** The one to wait for. */
function longest(readings: readonly Reading[]): Reading | undefined {
  return readings.toSorted((a, b) => b.leftMs - a.leftMs)[0];
}

/** One entry said no, so the call counts for none; a minute about to end is left alone, lest the next begin below 0. */
function takeBack(store: Store, requests: readonly Reading[]): void {
  for (const { bound, leftMs } of requests) {
    if (leftMs > 1_000) store.add(bound.key, -1).catch(() => {});
  }
}
