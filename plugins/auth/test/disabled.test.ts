import { expect, test } from 'vitest';
import { load } from './setup.ts';

test.each([
  [{}, []],
  [{ authorization: 'Bearer unused' }, []],
  [{ authorization: 'Bearer' }, []],
  [{ 'x-api-key': 'dummy-key' }, []],
  [{}, ['authorization']],
])('with auth switched off anybody is let in as anonymous: %j %j', async (headers, duplicates) => {
  const { ask } = await load({ enabled: false });
  expect(ask(headers, duplicates)).toEqual({ name: 'anonymous' });
});

test('switching auth off keeps the schemes in the file without asking for their keys', async () => {
  const { ask, names } = await load({
    enabled: false,
    schemes: [{ header: 'X-API-Key', keys: [{ name: 'edge', key_file: 'not-there.key', models: ['m'] }] }],
  });
  expect(names).toHaveLength(1);
  expect(ask({ 'x-api-key': 'whatever' })).toEqual({ name: 'anonymous' });
});

test('auth that is off says so in the log', async () => {
  const { log } = await load({ enabled: false });
  expect(log).toEqual([expect.stringContaining('Auth is off')]);
});
