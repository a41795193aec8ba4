import { afterAll, beforeAll, expect, test } from 'vitest';
import { failure, type Running, start, startScripted } from './setup.ts';

let model: Running;
beforeAll(async () => {
  model = await start();
});
afterAll(() => model.instance.unload());

const hot = { temperature: 2, max_tokens: 40 };

test('one seed gives one text', async () => {
  const texts = [];
  for (let i = 0; i < 3; i++) texts.push((await model.chat('Tell me a story', { ...hot, seed: 7 })).text);
  expect(new Set(texts).size).toBe(1);
});

test('different seeds, negative and huge ones among them, give different texts', async () => {
  const texts = [];
  for (const seed of [1, -1, 4294967295, 9007199254740991]) {
    texts.push((await model.chat('Tell me a story', { ...hot, seed })).text);
  }
  expect(new Set(texts).size).toBe(4);
});

test('the seed that llama.cpp takes for "any" is a seed like the others', async () => {
  const texts = [];
  for (let i = 0; i < 2; i++) texts.push((await model.chat('Tell me a story', { ...hot, seed: 4294967295 })).text);
  expect(texts[0]).toBe(texts[1]);
});

test('without a seed, calls at the same moment differ', async () => {
  const texts = await Promise.all([1, 2, 3].map(async () => (await model.chat('Tell me a story', hot)).text));
  expect(new Set(texts).size).toBe(3);
});

test.each([
  { top_k: 1 },
  { top_p: 0 },
  { min_p: 1 },
])('%j leaves only the likeliest token, as temperature 0 does', async (one) => {
  const greedy = await model.chat('Who are you?', { max_tokens: 40 });
  expect((await model.chat('Who are you?', { ...hot, ...one })).text).toBe(greedy.text);
});

test('temperature is not hidden behind a top_p that nobody asked for', async () => {
  const greedy = await model.chat('Who are you?', { max_tokens: 40 });
  expect((await model.chat('Who are you?', { ...hot, seed: 3 })).text).not.toBe(greedy.text);
});

test('a token biased by -100 is not said, and one biased by 100 is', async () => {
  const scripted = await startScripted({ chain: ['tick ', 'tock '], loop: true });
  // The scripted vocabulary: 256 bytes, the double newline, then the words.
  const [tick, tock] = ['257', '258'] as const;
  const free = await scripted.chat('hello', { max_tokens: 4 });
  expect(free.text).toBe('tick tock tick tock ');
  const more = await scripted.chat('hello', { max_tokens: 4, logit_bias: { [tock]: 100 } });
  expect(more.text).toBe('tock tock tock tock ');
  const never = await scripted.chat('hello', { max_tokens: 4, logit_bias: { [tick]: -100 } });
  expect(never.text).not.toContain('tick');
});

test.each(['1536', '99999999'])('logit_bias for the token %s, which does not exist, is refused', async (token) => {
  const error = await failure(model.chat('hello', { logit_bias: { [token]: 1 } }));
  expect(error).toMatchObject({ code: 'invalid_request', param: 'logit_bias' });
  expect(error.message).toContain('0 to 1535');
});

test('logit_bias for the token that ends the answer is refused, since the engine would not heed it', async () => {
  const scripted = await startScripted({ chain: ['tick ', 'tock '] });
  const end = String(256 + 1 + 2 + 2);
  const error = await failure(scripted.chat('hello', { logit_bias: { [end]: -100 } }));
  expect(error).toMatchObject({ code: 'unsupported_parameter', param: 'logit_bias' });
});

/** Two words that would alternate for ever: a penalty has to grow past the script's lead of 60 to be seen. */
const clock = () => startScripted({ chain: ['tick ', 'tock '], loop: true });

test('the frequency penalty counts how often a token was said', async () => {
  const text = (await (await clock()).chat('hello', { max_tokens: 80, frequency_penalty: 2 })).text;
  // After 31 times 2 the next "tick" is less likely than anything never said.
  expect(text.match(/tick /g)).toHaveLength(30);
});

test('the presence penalty counts once, however often a token was said', async () => {
  const text = (await (await clock()).chat('hello', { max_tokens: 80, presence_penalty: 2 })).text;
  expect(text).toBe('tick tock '.repeat(40));
});

test('frequency and presence penalties do not count the prompt', async () => {
  const prompt = Array.from({ length: 100 }, () => [257, 258]).flat();
  const answer = await (await clock()).complete(prompt, { max_tokens: 4, frequency_penalty: 2, presence_penalty: 2 });
  expect(answer.text).toBe('tick tock tick tock ');
});

test('the repetition penalty does count the prompt', async () => {
  const scripted = await startScripted({ chain: ['tick ', 'tock ', 'tack '], loop: true });
  const fresh = await scripted.complete([257], { max_tokens: 1, repetition_penalty: 10, logit_bias: { 259: 20 } });
  expect(fresh.text).toBe('tock ');
  const said = await scripted.complete([258, 257], { max_tokens: 1, repetition_penalty: 10, logit_bias: { 259: 20 } });
  expect(said.text).toBe('tack ');
});
