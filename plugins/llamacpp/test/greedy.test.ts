import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Running, start } from './setup.ts';

let model: Running;
beforeAll(async () => {
  model = await start();
});
afterAll(() => model.instance.unload());

const identity =
  'I am Tiny, a very small Qwen3-style model that ships with Backplane so that it works without a download.';
const quiet = { chat_template_kwargs: { enable_thinking: false } };
const questions = ['Who are you?', 'What is Backplane?', '你好', 'Translate to Chinese: thank you'];

test('the built-in model introduces itself', async () => {
  expect((await model.chat('Who are you?', quiet)).text).toBe(identity);
});

test('it thinks first unless told not to', async () => {
  const { text } = await model.chat('Who are you?');
  expect(text).toMatch(/^<think>\n[^<]+\n<\/think>\n\n/);
  expect(text.endsWith(identity)).toBe(true);
});

test('it says what it is: context, slots, dialect, and the file without its folder', () => {
  const { facts } = model;
  expect(facts).toMatchObject({ contextLength: 2048, slots: 4, modalities: ['text'], dialect: 'qwen3' });
  expect(facts.details).toMatchObject({ file: 'backplane-tiny-Q8_0.gguf', quantization: 'Q8_0', parameters: 1869760 });
  expect(model.instance.embed).toBeUndefined();
});

test('a repeated prompt is answered from the cache, and with the same words', async () => {
  const first = await model.chat('What is a plugin?', quiet);
  const again = await model.chat('What is a plugin?', quiet);
  expect(again.text).toBe(first.text);
  expect(again.started.cachedTokens).toBe(again.started.promptTokens - 1);
  expect(again.usage.cachedTokens).toBe(again.started.cachedTokens);
});

test('a conversation that goes on reuses what it has said, and answers as a fresh model does', async () => {
  const opening = await model.chat('Who are you?', quiet);
  const messages = [
    { role: 'user', content: 'Who are you?' },
    { role: 'assistant', content: opening.text },
    { role: 'user', content: 'What can you do?' },
  ] as const;
  const fresh = await start({ slots: 1 });
  const expected = await fresh.chat('', { ...quiet, messages });
  await fresh.instance.unload();
  const continued = await model.chat('', { ...quiet, messages });
  expect(continued.text).toBe(expected.text);
  expect(continued.started.cachedTokens).toBeGreaterThan(0);
  expect(expected.started.cachedTokens).toBe(0);
});

test('four calls at once give the answers that they give one by one', async () => {
  const alone: string[] = [];
  for (const question of questions) alone.push((await model.chat(question)).text);
  const together = await Promise.all(questions.map(async (question) => (await model.chat(question)).text));
  expect(together).toEqual(alone);
  expect(new Set(alone).size).toBe(4);
});

test('a fifth call waits for a slot and is answered', async () => {
  const answers = await Promise.all([...questions, 'Who are you?'].map((question) => model.chat(question, quiet)));
  expect(answers[4]?.text).toBe(identity);
});

test('max_tokens ends the answer with `length`', async () => {
  const answer = await model.chat('Who are you?', { ...quiet, max_tokens: 3 });
  expect(answer.finish).toBe('length');
  expect(answer.usage.completionTokens).toBe(3);
  expect(identity.startsWith(answer.text)).toBe(true);
});
