import { afterAll, beforeAll, expect, test } from 'vitest';
import { failure, type Running, start } from './setup.ts';

let model: Running;
beforeAll(async () => {
  model = await start();
});
afterAll(() => model.instance.unload());

const prompt = '<|im_start|>user\nWho are you?<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n';

test('a completion goes on from the raw text, without a template', async () => {
  expect((await model.complete(prompt)).text).toMatch(/^I am Tiny/);
});

test('token ids are a prompt as well', async () => {
  const ids = [1524, 404, 198]; // <|im_start|>assistant and a line break
  const answer = await model.complete(ids, { max_tokens: 4 });
  expect(answer.usage).toMatchObject({ promptTokens: 3, completionTokens: 4 });
});

test.each([[[1, 99_999]], [[-1]], [[1.5]]])('ids that the vocabulary does not have are refused: %j', async (ids) => {
  const error = await failure(model.complete(ids));
  expect(error).toMatchObject({ code: 'invalid_request', param: 'prompt' });
  expect(error.message).toContain('0 to 1535');
});

test('an empty prompt is refused, as there is nothing to go on from', async () => {
  expect(await failure(model.complete(''))).toMatchObject({ code: 'invalid_request', param: 'prompt' });
});
