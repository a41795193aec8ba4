import { afterAll, beforeAll, expect, test } from 'vitest';
import { failure, type Running, start, startScripted } from './setup.ts';

let model: Running;
beforeAll(async () => {
  model = await start({ context_size: 256, slots: 1 });
});
afterAll(() => model.instance.unload());

test('a prompt longer than the context is refused with both numbers', async () => {
  const error = await failure(model.chat('word '.repeat(400)));
  expect(error).toMatchObject({ code: 'context_length_exceeded', param: 'messages' });
  expect(error.message).toMatch(/context is 256 tokens.*prompt alone has \d{3,}:/);
});

test('a prompt that fits is refused when max_tokens does not fit beside it', async () => {
  const error = await failure(model.chat('Who are you?', { max_tokens: 250 }));
  expect(error).toMatchObject({ code: 'context_length_exceeded', param: 'messages' });
  expect(error.message).toContain('prompt has 13 and max_tokens asks for 250 more (263 together)');
});

test('prompt and answer may fill the context to the last token', async () => {
  const endless = await startScripted({ chain: ['tick ', 'tock '], loop: true }, { context_size: 256 });
  const { usage } = await endless.complete([5, 6, 7], { max_tokens: 253 });
  expect(usage).toMatchObject({ promptTokens: 3, completionTokens: 253 });
});

test('a completion is measured too, and its prompt named', async () => {
  const error = await failure(model.complete(Array.from({ length: 256 }, () => 5)));
  expect(error).toMatchObject({ code: 'context_length_exceeded', param: 'prompt' });
});
