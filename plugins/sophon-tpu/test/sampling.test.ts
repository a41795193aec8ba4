import type { Sampling } from '@backplane/core/sdk';
import { expect, test } from 'vitest';
import { largest, sorted } from '../src/candidates.ts';
import { Sampler } from '../src/sampling.ts';

const logits = () => Float32Array.of(1, 3, 2, 0, -1);

function draws(request: Sampling, count: number, prompt: readonly number[] = []): number[] {
  const sampler = new Sampler(request, {}, prompt, 5);
  return Array.from({ length: count }, () => {
    const id = sampler.draw(logits());
    sampler.drawn(id);
    return id;
  });
}

/** How often each token is drawn. */
function shares(request: Sampling, count = 20_000): number[] {
  const tally = [0, 0, 0, 0, 0];
  const sampler = new Sampler({ seed: 7, ...request }, {}, [], 5);
  for (let at = 0; at < count; at++) {
    const id = sampler.draw(logits());
    tally[id] = (tally[id] as number) + 1 / count;
  }
  return tally;
}

/** softmax(logits / temperature) over the tokens that are left. */
function softmax(temperature: number, left: readonly number[]): number[] {
  const powers = [...logits()].map((logit, id) => (left.includes(id) ? Math.exp(logit / temperature) : 0));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

function expectShares(found: readonly number[], wanted: readonly number[]): void {
  for (const [id, share] of wanted.entries()) expect(found[id]).toBeCloseTo(share, 1.7);
}

test('temperature 0 takes the likeliest token, and of equal ones the first', () => {
  expect(draws({ temperature: 0 }, 3)).toEqual([1, 1, 1]);
  const sampler = new Sampler({ temperature: 0 }, {}, [], 3);
  expect(sampler.draw(Float32Array.of(2, 5, 5))).toBe(1);
});

test('the same seed draws the same tokens, another one others', () => {
  const first = draws({ seed: 1, temperature: 2 }, 40);
  expect(draws({ seed: 1, temperature: 2 }, 40)).toEqual(first);
  expect(draws({ seed: 2, temperature: 2 }, 40)).not.toEqual(first);
});

test('tokens are drawn as often as the softmax of their logits over the temperature says', () => {
  expectShares(shares({ temperature: 1 }), softmax(1, [0, 1, 2, 3, 4]));
  expectShares(shares({ temperature: 2 }), softmax(2, [0, 1, 2, 3, 4]));
});

test('top_k leaves the likeliest tokens, top_p the least that reach a share, min_p those not far behind the first', () => {
  expectShares(shares({ temperature: 1, top_k: 2 }), softmax(1, [1, 2]));
  // 0.64, 0.24, 0.09, …: the first two reach 0.8, the first alone 0.6.
  expectShares(shares({ temperature: 1, top_p: 0.8 }), softmax(1, [1, 2]));
  expectShares(shares({ temperature: 1, top_p: 0.6 }), softmax(1, [1]));
  expectShares(shares({ temperature: 1, min_p: 0.1 }), softmax(1, [0, 1, 2]));
});

test('top_p is a share of all tokens, also where it takes many of them to reach it', () => {
  // 1,000 equal tokens: a share of one half is 500 of them.
  const flat = () => new Float32Array(1_000);
  const sampler = new Sampler({ temperature: 1, top_p: 0.5, seed: 3 }, {}, [], 1_000);
  const drawn = Array.from({ length: 5_000 }, () => sampler.draw(flat()));
  expect(Math.max(...drawn)).toBeLessThanOrEqual(500);
  expect(new Set(drawn).size).toBeGreaterThan(450);
  const few = new Sampler({ temperature: 1, top_p: 0.1, seed: 3 }, {}, [], 1_000);
  expect(Math.max(...Array.from({ length: 1_000 }, () => few.draw(flat())))).toBeLessThanOrEqual(100);
});

test('a whole vocabulary is drawn from as evenly as a small one, to its last token', () => {
  const size = 3_000;
  const flat = () => new Float32Array(size);
  const sampler = new Sampler({ temperature: 1, seed: 5 }, {}, [], size);
  const drawn = Array.from({ length: 10_000 }, () => sampler.draw(flat()));
  expect(drawn.reduce((sum, id) => sum + id, 0) / drawn.length / size).toBeCloseTo(0.5, 1.7);
  expect(Math.min(...drawn)).toBeLessThan(10);
  expect(Math.max(...drawn)).toBeGreaterThan(size - 10);
  const last = flat().fill(-1_000, 0, size - 1);
  expect(sampler.draw(last)).toBe(size - 1);
});

test('penalties keep tokens from coming again: repetition those of the prompt too, the others generated ones only', () => {
  expect(draws({ temperature: 0, repetition_penalty: 4 }, 2, [1])).toEqual([2, 0]);
  expect(draws({ temperature: 0, presence_penalty: 1.5 }, 3, [1])).toEqual([1, 2, 1]);
  expect(draws({ temperature: 0, frequency_penalty: 1.5 }, 4, [1])).toEqual([1, 2, 1, 0]);
});

test('a bias of 100 decides, and one of a token that is none is refused by name', () => {
  expect(draws({ temperature: 0, logit_bias: { 4: 100 } }, 1)).toEqual([4]);
  expect(() => draws({ temperature: 0, logit_bias: { 5: 1 } }, 1)).toThrow('logit_bias names the token 5');
});

test('the model is only asked for its logits where the likeliest token is not enough', () => {
  const needs = (request: Sampling) => new Sampler(request, {}, [], 5).needsLogits;
  expect(needs({ temperature: 0 })).toBe(false);
  for (const more of [{ temperature: 1 }, { logprobs: true }, { logit_bias: { 1: 1 } }, { presence_penalty: 1 }]) {
    expect(needs({ temperature: 0, ...more })).toBe(true);
  }
});

test('what a request leaves open is as the model has it', () => {
  const sampler = new Sampler({}, { temperature: 0 }, [], 5);
  expect(sampler.needsLogits).toBe(false);
  expect(new Sampler({ temperature: 1 }, { temperature: 0 }, [], 5).needsLogits).toBe(true);
});

test('logits that are no numbers fail the call, however it draws', () => {
  for (const request of [{ temperature: 0 }, { top_k: 5 }, { top_p: 0.5 }, {}]) {
    const sampler = new Sampler(request, {}, [], 5);
    expect(() => sampler.draw(new Float32Array(5).fill(Number.NaN))).toThrow('no logit that is a number');
  }
});

test('the largest logits come in order, however many are asked for', () => {
  const many = Float32Array.from({ length: 1_000 }, (_, id) => Math.sin(id * 12.9898) * 43_758.5453);
  const all = sorted(many, Number.NEGATIVE_INFINITY);
  expect(all).toHaveLength(1_000);
  for (const count of [1, 20, 256, 257, 1_000]) expect(largest(many, count)).toEqual(all.slice(0, count));
});
