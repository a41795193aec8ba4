import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Watch, type Watched } from '../../src/upstream/watch.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Someone to watch, who writes down when it was found late. */
function someone(name: string, told: string[]): Watched {
  const begin = performance.now();
  return {
    due: Number.POSITIVE_INFINITY,
    place: 0,
    late: () => told.push(`${name} at ${Math.round(performance.now() - begin)}`),
  };
}

test('each is told once, when its own time is over', () => {
  const watch = new Watch();
  const told: string[] = [];
  for (const [name, ms] of [
    ['a', 300],
    ['b', 100],
    ['c', 200],
  ] as const) {
    const one = someone(name, told);
    watch.add(one);
    watch.expect(one, ms);
  }
  vi.advanceTimersByTime(10_000);
  expect(told).toEqual(['b at 100', 'c at 200', 'a at 300']);
});

test('who is put off is told at the new time, and who may take its time never', () => {
  const watch = new Watch();
  const told: string[] = [];
  const [busy, paused] = [someone('busy', told), someone('paused', told)];
  for (const one of [busy, paused]) {
    watch.add(one);
    watch.expect(one, 100);
  }
  vi.advanceTimersByTime(60);
  busy.due = performance.now() + 100;
  paused.due = Number.POSITIVE_INFINITY;
  vi.advanceTimersByTime(10_000);
  expect(told).toEqual(['busy at 160']);
  watch.expect(paused, 50);
  vi.advanceTimersByTime(50);
  expect(told).toEqual(['busy at 160', 'paused at 10110']);
});

test('who has left is not told', () => {
  const watch = new Watch();
  const told: string[] = [];
  const [first, second, third] = [someone('first', told), someone('second', told), someone('third', told)];
  for (const one of [first, second, third]) {
    watch.add(one);
    watch.expect(one, 100);
  }
  watch.delete(first);
  watch.delete(third);
  vi.advanceTimersByTime(10_000);
  expect(told).toEqual(['second at 100']);
});

test('one that is given more time when it is late is told again', () => {
  const watch = new Watch();
  const told: string[] = [];
  const one = someone('it', told);
  const late = one.late;
  one.late = () => {
    late();
    if (told.length === 1) watch.expect(one, 30);
  };
  watch.add(one);
  watch.expect(one, 100);
  vi.advanceTimersByTime(10_000);
  expect(told).toEqual(['it at 100', 'it at 130']);
});
