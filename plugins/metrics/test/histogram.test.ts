import { Histogram as Own, Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { Histogram } from '../src/histogram.ts';

const bounds = [0.1, 0.5, 2];

/** The same observations here and in prom-client's own histogram, as both are shown. */
async function shown(observed: Readonly<Record<string, readonly number[]>>): Promise<readonly [string, string]> {
  const [here, there] = [new Registry(), new Registry()];
  const kept = new Histogram(here, 'wait_seconds', 'Wait', ['model', 'backend'], bounds);
  const own = new Own({
    name: 'wait_seconds',
    help: 'Wait',
    labelNames: ['model', 'backend'],
    buckets: bounds,
    registers: [there],
  });
  for (const [model, values] of Object.entries(observed)) {
    const [one, other] = [kept.labels(model, 'b'), own.labels(model, 'b')];
    for (const value of values) {
      one.observe(value);
      other.observe(value);
    }
  }
  return [await here.metrics(), await there.metrics()];
}

test.each([
  ['nothing', {}],
  ['a value in every bucket', { m: [0.05, 0.3, 1, 9] }],
  ['values on the bounds', { m: [0, 0.1, 0.5, 2, 0.1] }],
  ['two models, and a third that is only known', { m: [1], n: [0.2, 7], quiet: [] }],
  ['a name that must be escaped', { 'a"b\\\\c': [1] }],
])('%s: the text is that of prom-client', async (_, observed) => {
  const [here, there] = await shown(observed);
  expect(here).toBe(there);
});

test('a reset empties the series and leaves them at work', async () => {
  const registry = new Registry();
  const series = new Histogram(registry, 'wait_seconds', 'Wait', ['model'], bounds).labels('m');
  series.observe(1);
  registry.resetMetrics();
  series.observe(3);
  expect(await registry.metrics()).toContain('wait_seconds_sum{model="m"} 3\n');
});

test('a name that is taken is refused', () => {
  const registry = new Registry();
  const make = () => new Histogram(registry, 'wait_seconds', 'Wait', [], bounds);
  make();
  expect(make).toThrow(/already been registered/);
});
