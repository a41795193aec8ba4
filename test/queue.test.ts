import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chat } from './chat.ts';
import { puppet, puppetConfig } from './puppet.ts';
import { type RunningServer, serve } from './server.ts';

const keys = `
  - use: "@backplane/auth"
    config: { schemes: [{ keys: [{ name: ann, key: key-of-ann }, { name: bob, key: key-of-bob }] }] }`;

interface Status {
  readonly instances: readonly { readonly busy: number }[];
  readonly queue: { readonly waiting: number };
}

describe('a model with one slot and a queue of three', () => {
  let server: RunningServer;
  beforeAll(async () => {
    const config = puppetConfig('isolation: inline\nqueue: { size: 3, timeout: 1s }');
    server = await serve(config.replace('plugins: [./puppet.ts]', `plugins:\n  - ./puppet.ts${keys}`), {
      files: { 'puppet.ts': puppet },
    });
  });
  afterAll(() => server.stop());

  const headersOf = (name: string) => ({ authorization: `Bearer key-of-${name}` });
  const as = (name: string, content: string, signal?: AbortSignal) =>
    chat(server.url, content, {}, { headers: headersOf(name), ...(signal && { signal }) });

  async function until(holds: (status: Status) => boolean): Promise<void> {
    for (;;) {
      const answer = await fetch(`${server.url}/health`, { headers: headersOf('ann') });
      const { models } = (await answer.json()) as { models: { m: Status } };
      if (holds(models.m)) return;
    }
  }

  test('takes turns between principals, not between calls', async () => {
    const order: string[] = [];
    const first = as('ann', 'count 40').then(() => order.push('first'));
    await until(({ instances }) => instances[0]?.busy === 1);
    const second = as('ann', 'say x').then(() => order.push('ann 2'));
    await until(({ queue }) => queue.waiting === 1);
    const third = as('ann', 'say x').then(() => order.push('ann 3'));
    await until(({ queue }) => queue.waiting === 2);
    const other = as('bob', 'say x').then(() => order.push('bob'));
    await Promise.all([first, second, third, other]);
    expect(order).toEqual(['first', 'ann 2', 'bob', 'ann 3']);
  });

  test('refuses the call that finds the queue full with 503 and Retry-After', async () => {
    const gone = new AbortController();
    const held = Array.from({ length: 4 }, () => as('ann', 'mute', gone.signal).catch(() => 'gone'));
    await until(({ queue }) => queue.waiting === 3);
    const refused = await as('bob', 'say x');
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(await refused.json()).toMatchObject({ error: { code: 'queue_full', type: 'overloaded_error' } });
    gone.abort();
    await Promise.all(held);
    await until(({ instances, queue }) => instances[0]?.busy === 0 && queue.waiting === 0);
  });

  test('refuses a call that waited longer than the timeout', async () => {
    const gone = new AbortController();
    const held = as('ann', 'mute', gone.signal).catch(() => 'gone');
    await until(({ instances }) => instances[0]?.busy === 1);
    const late = await as('bob', 'say x');
    expect(late.status).toBe(503);
    expect(late.headers.get('retry-after')).toBe('5');
    expect(await late.json()).toMatchObject({
      error: { message: expect.stringContaining('no slot came free after 1 s in the queue of m') },
    });
    gone.abort();
    await held;
  });

  test('gives the place of a caller who left to the next', async () => {
    const first = new AbortController();
    const second = new AbortController();
    const held = as('ann', 'mute', first.signal).catch(() => 'gone');
    await until(({ instances }) => instances[0]?.busy === 1);
    const left = as('ann', 'say never', second.signal).catch(() => 'left');
    await until(({ queue }) => queue.waiting === 1);
    second.abort();
    await left;
    await until(({ queue }) => queue.waiting === 0);
    first.abort();
    await held;
    expect((await as('bob', 'say x')).status).toBe(200);
  });
});
