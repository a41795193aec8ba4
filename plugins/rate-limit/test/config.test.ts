import { expect, test } from 'vitest';
import rateLimit from '../src/index.ts';

const limits = [{ requests_per_minute: 1 }];
const problems = (config: unknown) => rateLimit.config.safeParse(config).error?.issues.map(({ message }) => message);

test.each([
  'memory',
  'redis://cache',
  'redis://127.0.0.1:6379/2',
  'rediss://user:secret@cache.example:6380',
])('the store may be %s', (store) => {
  expect(problems({ store, limits })).toBeUndefined();
});

test.each([
  'redis',
  'redis://',
  'http://:hunter2@cache:6379',
  'cache:6379',
  '',
])('the store may not be "%s", and the sentence does not repeat it', (store) => {
  expect(problems({ store, limits })).toEqual([
    'The store is memory, or a URL such as redis://host:6379 or rediss://user:password@host:6379/0',
  ]);
});

test('an entry that limits nothing is refused', () => {
  expect(problems({ limits: [{ principals: ['ann'] }] })).toEqual([
    'This limits nothing; give requests_per_minute, tokens_per_minute or concurrent',
  ]);
});

test('no entry at all, one with a slip, and a limit below one are refused', () => {
  expect(problems({ limits: [] })).toHaveLength(1);
  expect(problems({ limits: [{ request_per_minute: 1 }] })).not.toBeUndefined();
  expect(problems({ limits: [{ requests_per_minute: 0 }] })).not.toBeUndefined();
  expect(problems({ limits: [{ concurrent: 1.5 }] })).not.toBeUndefined();
});
