import { expect, test } from 'vitest';
import { load } from './setup.ts';

const withKey = (key: string) => load({ schemes: [{ keys: [{ name: 'ops', key }] }] });

test.each([
  ['abc@123', 'stands in public documents, so anyone may try it'],
  ['Token-abc123', 'stands in public documents, so anyone may try it'],
  ['k7!x', 'has fewer than 8 characters'],
  ['abababababab', 'is made of fewer than 4 different characters'],
])('the key %s works, and the log and the doctor warn of it without showing it', async (key, why) => {
  const { ask, doctor, log } = await withKey(key);
  expect(ask({ authorization: `Bearer ${key}` })).toEqual({ name: 'ops' });
  expect(await doctor()).toEqual([
    { status: 'warning', what: `The key of ops ${why}.`, fix: expect.stringContaining('openssl rand') },
  ]);
  expect(log.join()).toContain(`The key of ops ${why}. Make a new one`);
  expect(log.join() + JSON.stringify(await doctor())).not.toContain(key);
});

test('a key that is taken in several headers is warned of once', async () => {
  const keys = [{ name: 'ops', key: 'abc@123' }];
  const { doctor } = await load({ schemes: [{ keys }, { header: 'X-API-Key', keys }] });
  expect(await doctor()).toHaveLength(1);
});

test('a key that may do is no cause for a warning', async () => {
  const { doctor, log } = await withKey('c1f7a9b2e84d');
  expect(await doctor()).toEqual([{ status: 'ok', what: 'Keys: 1, none of them weak.' }]);
  expect(log).toEqual([]);
});

test('auth that is off is said to be', async () => {
  const { doctor } = await load({ enabled: false });
  expect(await doctor()).toEqual([{ status: 'ok', what: 'Auth is off: every route answers without a key.' }]);
});
