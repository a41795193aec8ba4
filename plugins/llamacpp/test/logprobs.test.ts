import type { TokenLogprob } from '@backplane/core/sdk';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Answer, failure, type Running, start, startScripted } from './setup.ts';

let model: Running;
beforeAll(async () => {
  model = await start();
});
afterAll(() => model.instance.unload());

const logprobs = ({ events }: Answer): TokenLogprob[] =>
  events.flatMap((event) => (event.type === 'text' ? (event.logprobs ?? []) : []));

test('each token of the answer comes with its log probability, and none when none are asked for', async () => {
  const answer = await model.chat('Who are you?', { max_tokens: 20, logprobs: true });
  expect(logprobs(answer)).toHaveLength(20);
  expect(
    logprobs(answer)
      .map(({ token }) => token)
      .join(''),
  ).toBe(answer.text);
  for (const { logprob } of logprobs(answer)) expect(logprob).toBeLessThanOrEqual(0);
  expect(logprobs(await model.chat('Who are you?', { max_tokens: 5 }))).toEqual([]);
});

test('the alternatives are sorted and, for a greedy answer, begin with the token itself', async () => {
  const answer = await model.chat('Who are you?', { max_tokens: 10, logprobs: true, top_logprobs: 5 });
  for (const { token, logprob, top_logprobs: top } of logprobs(answer)) {
    expect(top).toHaveLength(5);
    expect(top[0]).toMatchObject({ token, logprob });
    expect(top.map((entry) => entry.logprob)).toEqual(top.map((entry) => entry.logprob).toSorted((a, b) => b - a));
  }
});

test('the probabilities are those before temperature: the same for every temperature', async () => {
  const first = async (temperature: number) => {
    const answer = await model.chat('Who are you?', {
      temperature,
      seed: 1,
      max_tokens: 1,
      logprobs: true,
      top_logprobs: 5,
    });
    return logprobs(answer)[0]?.top_logprobs.map(({ token, logprob }) => [token, logprob] as const) ?? [];
  };
  const cold = await first(0);
  for (const temperature of [0.5, 1, 2]) {
    const warm = await first(temperature);
    expect(warm.map(([token]) => token)).toEqual(cold.map(([token]) => token));
    for (const [i, [, logprob]] of warm.entries()) expect(logprob).toBeCloseTo(cold[i]?.[1] ?? Number.NaN, 3);
  }
});

test('a token that is part of a character has no bytes of its own', async () => {
  const scripted = await startScripted();
  const answer = await scripted.chat('hello', { logprobs: true });
  const parts = logprobs(answer).filter(({ token }) => token.includes('\uFFFD'));
  expect(parts.length).toBeGreaterThan(0);
  for (const { bytes } of parts) expect(bytes).toBeNull();
  expect(logprobs(answer)).toHaveLength(answer.usage.completionTokens);
});

test.each([
  { temperature: 1, top_p: 0.9 },
  { frequency_penalty: 1 },
  { logit_bias: { '5': 1 } },
  { response_format: { type: 'json_object' as const } },
])('together with %j they are refused rather than wrong', async (other) => {
  const error = await failure(model.chat('hello', { logprobs: true, ...other }));
  expect(error).toMatchObject({ code: 'unsupported_parameter', param: 'logprobs' });
});
