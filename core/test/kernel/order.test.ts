import { expect, test } from 'vitest';
import { order } from '../../src/kernel/order.ts';

const names = (items: { name: string; after?: string[] }[]) => order(items, (item) => item).map(({ name }) => name);

test('plugins keep the order of config.yaml unless one must wait for another', () => {
  expect(names([{ name: 'c' }, { name: 'a' }, { name: 'b' }])).toEqual(['c', 'a', 'b']);
  expect(names([{ name: 'a', after: ['c'] }, { name: 'b' }, { name: 'c' }])).toEqual(['c', 'a', 'b']);
  expect(names([{ name: 'a', after: ['b', 'c'] }, { name: 'b', after: ['c'] }, { name: 'c' }])).toEqual([
    'c',
    'b',
    'a',
  ]);
});

test('a plugin may wait for one that is not loaded', () => {
  expect(names([{ name: 'a', after: ['ghost'] }])).toEqual(['a']);
});

test('a circle is named in full, without those who only wait for it', () => {
  const items = [
    { name: 'first', after: ['a'] },
    { name: 'a', after: ['b'] },
    { name: 'b', after: ['c'] },
    { name: 'c', after: ['a'] },
  ];
  expect(() => names(items)).toThrow('these plugins wait for each other: a after b after c after a');
  expect(() => names([{ name: 'self', after: ['self'] }])).toThrow('self after self');
});
