import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RetryBudget } from '../../src/upstream/budget.ts';

describe('the retry budget', () => {
  it('lets all calls of one server that dies be made again', () => {
    const budget = new RetryBudget(0.2, 0);
    expect(Array.from({ length: 60 }, () => budget.take(0)).every(Boolean)).toBe(true);
  });

  it('never makes more retries than its share of the calls, ten a second and a hundred', () => {
    const steps = fc.array(fc.tuple(fc.nat({ max: 50 }), fc.nat({ max: 50 }), fc.nat({ max: 500 })), { maxLength: 40 });
    fc.assert(
      fc.property(steps, fc.double({ min: 0, max: 1, noNaN: true }), (moments, share) => {
        const budget = new RetryBudget(share, 0);
        let [calls, retries, now] = [0, 0, 0];
        for (const [more, wanted, ms] of moments) {
          now += ms;
          for (let i = 0; i < more; i++, calls++) budget.call();
          for (let i = 0; i < wanted; i++) retries += Number(budget.take(now));
        }
        expect(retries).toBeLessThanOrEqual(share * calls + (now / 1_000) * 10 + 100 + 1e-6);
      }),
    );
  });

  it('allows some again after a while without calls', () => {
    const budget = new RetryBudget(0, 0);
    while (budget.take(0));
    expect(budget.take(50)).toBe(false);
    expect(budget.take(1_000)).toBe(true);
  });
});
