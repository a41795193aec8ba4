import { expect, test } from 'vitest';
import { describeWithRedis, redis } from '../../../test/redis.ts';
import { RedisStore } from '../src/redis-store.ts';

/** Keeps this process from its sockets for so long, again and again. ms. */
function busy(ms: number): NodeJS.Timeout {
  return setInterval(() => {
    for (const end = performance.now() + ms; performance.now() < end; );
  }, 1);
}

describeWithRedis('a store that counts in Redis', () => {
  test('is not down when it is this process that has no time', async () => {
    const server = await redis();
    const log = { info() {}, error() {} } as never;
    const store = new RedisStore({ url: server.url, prefix: 'test', log, onChange: () => {} });
    const work = busy(150);
    try {
      // A connection is made, the password told and the answer read, each in a turn of its own.
      expect(await store.add('key', 2)).toMatchObject({ used: 2 });
    } finally {
      clearInterval(work);
      await store.close();
      await server.kill();
    }
  });
});
