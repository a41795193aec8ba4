import { expect, test } from 'vitest';
import { load } from './setup.ts';

const refused = (whose: string) => ({ code: 'rate_limited', message: expect.stringContaining(whose) });

test('per: [principal] is one count for all models', async () => {
  const { call } = await load({ limits: [{ requests_per_minute: 1, per: ['principal'] }] });
  await call('ann', 'm');
  await expect(call('ann', 'other')).rejects.toMatchObject(refused('for ann on all models together (1)'));
  await call('bob', 'm');
});

test('per: [model] is one count for all callers', async () => {
  const { call } = await load({ limits: [{ requests_per_minute: 1, per: ['model'] }] });
  await call('ann', 'm');
  await expect(call('bob', 'm')).rejects.toMatchObject(refused('for all callers together on m (1)'));
  await call('bob', 'other');
});

test('per: [] is one count for everything that the entry names', async () => {
  const { call } = await load({ limits: [{ models: ['m', 'n'], requests_per_minute: 2, per: [] }] });
  await call('ann', 'm');
  await call('bob', 'n');
  await expect(call('cat', 'm')).rejects.toMatchObject(
    refused('for all callers together on these models together (2)'),
  );
  await call('cat', 'other');
});

test('names with a colon in them do not run into each other', async () => {
  const { call } = await load({ limits: [{ requests_per_minute: 1 }] });
  await call('a:b', 'c');
  await call('a', 'b:c');
});

test('a call that no entry fits is not counted at all', async () => {
  const { call } = await load({ limits: [{ principals: ['ann'], requests_per_minute: 1 }] });
  expect(await call('bob', 'm')).toEqual({});
});
