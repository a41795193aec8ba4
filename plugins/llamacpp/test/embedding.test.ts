import type { EmbedResult } from '@backplane/core/sdk';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { call, failure, type Running, start } from './setup.ts';

let model: Running;
beforeAll(async () => {
  model = await start({ embeddings: true, context_size: 256 });
});
afterAll(() => model.instance.unload());

function embed(input: readonly (string | readonly number[])[], signal?: AbortSignal): Promise<EmbedResult> {
  const task = model.instance.embed;
  if (task === undefined) throw new Error('this model does not embed');
  return task({ model: 'tiny', input, extra: {} }, call(signal));
}

const dot = (a: Float32Array = new Float32Array(), b: Float32Array = new Float32Array()) =>
  a.reduce((sum, x, i) => sum + x * (b[i] ?? 0), 0);

test('each input becomes a vector of length 1, in order', async () => {
  const { vectors, usage } = await embed(['hello there', 'goodbye', 'hello there']);
  expect(vectors.map((vector) => vector.length)).toEqual([192, 192, 192]);
  for (const vector of vectors) expect(dot(vector, vector)).toBeCloseTo(1, 5);
  expect(dot(vectors[0], vectors[2])).toBeCloseTo(1, 5);
  expect(dot(vectors[0], vectors[1])).toBeLessThan(0.999);
  expect(usage).toMatchObject({ completionTokens: 0 });
  expect(usage.promptTokens).toBeGreaterThan(2);
});

test('an input longer than the context is refused with both numbers', async () => {
  const error = await failure(embed(['short', 'word '.repeat(300)]));
  expect(error).toMatchObject({ code: 'context_length_exceeded', param: 'input.1' });
  expect(error.message).toMatch(/has \d{3,} tokens.*at most 255/);
});

test('an empty input and unknown tokens are refused', async () => {
  expect(await failure(embed(['']))).toMatchObject({ code: 'invalid_request', param: 'input.0' });
  expect(await failure(embed([[99_999]]))).toMatchObject({ code: 'invalid_request', param: 'input.0' });
});

test('embeddings beside running chats change no answer, and chats change no vector', async () => {
  const quiet = { chat_template_kwargs: { enable_thinking: false } };
  const answer = (await model.chat('Who are you?', quiet)).text;
  const vector = (await embed(['hello there'])).vectors[0];
  const [beside, ...rest] = await Promise.all([
    model.chat('Who are you?', quiet),
    ...Array.from({ length: 5 }, () => embed(['hello there', 'something else'])),
  ]);
  expect(beside.text).toBe(answer);
  for (const { vectors } of rest) expect(dot(vectors[0], vector)).toBeCloseTo(1, 5);
});

test('an aborted call ends as cancelled', async () => {
  expect((await failure(embed(['hello'], AbortSignal.abort()))).code).toBe('cancelled');
});
