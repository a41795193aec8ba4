import { expect, test } from 'vitest';
import { randomNumbers } from '../src/random.ts';
import { likeliestShare, totalWeight, weight } from '../src/softmax.ts';

test('a weight is e to the distance over the temperature, to eight digits', () => {
  for (const temperature of [0.1, 0.7, 1, 2]) {
    for (let distance = 0; distance < 20; distance += 0.037) {
      const exact = Math.exp(-distance);
      expect(weight(5 - distance * temperature, 5, temperature) / exact).toBeCloseTo(1, 8);
    }
  }
});

test('what can never be drawn weighs nothing', () => {
  for (const logit of [-30, Number.NEGATIVE_INFINITY, Number.NaN]) expect(weight(logit, 5, 1)).toBe(0);
});

test('the total is the sum of all weights, however many there are', () => {
  const logits = Float32Array.from({ length: 2_500 }, (_, id) => (id % 7) - 3);
  const exact = logits.reduce((sum, logit) => sum + Math.exp((logit - 3) / 0.7), 0);
  expect(totalWeight(logits, 3, 0.7) / exact).toBeCloseTo(1, 8);
});

test('the likeliest share is reached by the tokens from its least logit on, and by few less', () => {
  const random = randomNumbers(3);
  const logits = Float32Array.from({ length: 5_000 }, () => 10 * random());
  const top = Math.max(...logits);
  const descending = [...logits].sort((a, b) => b - a);
  for (const share of [0, 0.1, 0.5, 0.9, 0.999, 1]) {
    const { least, total } = likeliestShare(logits, top, 0.7, share);
    expect(total).toBeCloseTo(totalWeight(logits, top, 0.7), 8);
    let reached = 0;
    const needed = descending.findIndex((logit) => {
      reached += weight(logit, top, 0.7);
      return reached >= share * total - 1e-9;
    });
    expect(least).toBeLessThanOrEqual(descending[needed] as number);
    expect(least).toBeGreaterThan((descending[needed] as number) - 0.01);
  }
});
