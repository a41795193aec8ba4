import { apiVersion, definePlugin, type PluginContext } from '@backplane/core/sdk';
import { config } from './config.ts';
import { Limit } from './limit.ts';
import { MemoryStore } from './memory-store.ts';
import { RateLimiter } from './rate-limiter.ts';
import type { Store } from './store.ts';

export default definePlugin({
  name: 'rate-limit',
  apiVersion,
  config,
  async setup(context, { store: where, prefix, on_store_failure, limits }) {
    const store = where === 'memory' ? new MemoryStore() : await redisStore(context, where, prefix);
    const rejected = context.meter.counter({
      name: 'rejected_total',
      help: 'Calls that were refused, by the kind of limit; store: it did not answer',
      labelNames: ['kind', 'model'],
    });
    context.limit(
      new RateLimiter({
        limits: limits.map((limit, index) => new Limit(limit, index)),
        store,
        onStoreFailure: on_store_failure,
        rejected: (kind, model) => rejected.inc({ kind, model }),
      }),
    );
    context.onDispose(() => store.close());
  },
});

async function redisStore({ log, meter }: PluginContext, url: string, prefix: string): Promise<Store> {
  // Its client takes a tenth of a second to load, which a server that counts in memory need not wait for.
  const { RedisStore } = await import('./redis-store.ts');
  const up = meter.gauge({ name: 'store_up', help: '0 from when the store was found down until it is back' });
  up.set(1);
  return new RedisStore({ url, prefix, log, onChange: (is) => up.set(Number(is)) });
}
