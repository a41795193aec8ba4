import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { load } from './setup.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const refused = { code: 'rate_limited' };

test('a minute begins with its first call, and a new one when it is over', async () => {
  const { call } = await load({ limits: [{ requests_per_minute: 2 }] });
  await call('ann', 'm');
  vi.advanceTimersByTime(40_000);
  expect(await call('ann', 'm')).toEqual({
    'x-ratelimit-limit-requests': '2',
    'x-ratelimit-remaining-requests': '0',
    'x-ratelimit-reset-requests': '20s',
  });
  await expect(call('ann', 'm')).rejects.toMatchObject({ ...refused, retryAfterMs: 20_000 });
  vi.advanceTimersByTime(19_999);
  await expect(call('ann', 'm')).rejects.toMatchObject({
    retryAfterMs: 1,
    headers: { 'retry-after-ms': '1', 'x-ratelimit-reset-requests': '1s' },
  });
  vi.advanceTimersByTime(1);
  expect(await call('ann', 'm')).toMatchObject({
    'x-ratelimit-remaining-requests': '1',
    'x-ratelimit-reset-requests': '1m0s',
  });
});

test('tokens are charged to the minute in which the call ends, also beyond the limit', async () => {
  const { call } = await load({ limits: [{ tokens_per_minute: 100 }] });
  await call('ann', 'm', { promptTokens: 50, completionTokens: 400 });
  await expect(call('ann', 'm')).rejects.toMatchObject({
    ...refused,
    headers: { 'x-ratelimit-limit-tokens': '100', 'x-ratelimit-remaining-tokens': '0' },
  });
  vi.advanceTimersByTime(60_000);
  expect(await call('ann', 'm')).toMatchObject({ 'x-ratelimit-remaining-tokens': '100' });
});

test('a call whose usage nobody knows costs no tokens', async () => {
  const { call } = await load({ limits: [{ tokens_per_minute: 1 }] });
  await call('ann', 'm', undefined);
  expect(await call('ann', 'm')).toMatchObject({ 'x-ratelimit-remaining-tokens': '1' });
});

test('of two minutes that are used up, the client waits for the one that ends last', async () => {
  const { call } = await load({
    limits: [{ requests_per_minute: 2, per: ['principal'] }, { requests_per_minute: 1 }],
  });
  await call('ann', 'm');
  vi.advanceTimersByTime(30_000);
  await call('ann', 'other');
  await expect(call('ann', 'other')).rejects.toMatchObject({ retryAfterMs: 60_000 });
});

test('refusals do not put off the end of the minute', async () => {
  const { call, rejected } = await load({ limits: [{ requests_per_minute: 1 }] });
  await call('ann', 'm');
  for (let second = 0; second < 60; second++) {
    await expect(call('ann', 'm')).rejects.toMatchObject(refused);
    vi.advanceTimersByTime(1_000);
  }
  await call('ann', 'm');
  expect(rejected).toEqual(Array(60).fill({ kind: 'requests', model: 'm' }));
});
