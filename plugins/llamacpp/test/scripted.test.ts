import { expect, test } from 'vitest';
import { scriptedAnswer, scriptedText } from '../../../test/scripted/model.ts';
import { startScripted } from './setup.ts';

test('the scripted model says its text to the letter and then ends its turn', async () => {
  const model = await startScripted();
  const answer = await model.chat('anything at all');
  expect(answer.text).toBe(scriptedText);
  expect(answer.finish).toBe('stop');
});

test('with thinking off it says the answer alone', async () => {
  const model = await startScripted();
  const answer = await model.chat('hello', { chat_template_kwargs: { enable_thinking: false } });
  expect(answer.text).toBe(scriptedAnswer);
});

test('it says the same at the highest temperature', async () => {
  const model = await startScripted();
  expect((await model.chat('hello', { temperature: 2, seed: 7 })).text).toBe(scriptedText);
});

test('no piece ends inside a character', async () => {
  const model = await startScripted();
  const answer = await model.chat('hello');
  const pieces = answer.events.flatMap((event) => (event.type === 'text' ? [event.text] : []));
  expect(pieces.join('')).not.toContain('\uFFFD');
  expect(pieces).toEqual(expect.arrayContaining(['你', '好', '界']));
});

test('the tokens of the pieces add up to the usage, held-back ones included', async () => {
  const model = await startScripted();
  const answer = await model.chat('hello');
  const counted = answer.events.reduce((sum, event) => sum + (event.type === 'text' ? (event.tokens ?? 0) : 0), 0);
  expect(counted).toBe(18);
  expect(answer.usage.completionTokens).toBe(18);
});

test('another script is said as well, here a tool call', async () => {
  const chain = ['<tool_call>', '\n{"name": "add", ', '"arguments": {"a": 1}}\n', '</tool_call>'];
  const model = await startScripted({ chain });
  expect((await model.chat('hello')).text).toBe(chain.join(''));
});

test('a looping script goes on until max_tokens', async () => {
  const model = await startScripted({ chain: ['tick ', 'tock '], loop: true });
  const answer = await model.chat('hello', { max_tokens: 5 });
  expect(answer.text).toBe('tick tock tick tock tick ');
  expect(answer.finish).toBe('length');
});

test('without max_tokens it goes on until the context is full', async () => {
  const model = await startScripted({ chain: ['tick ', 'tock '], loop: true }, { context_size: 256 });
  const { finish, usage } = await model.chat('hello');
  expect(finish).toBe('length');
  expect(usage.promptTokens + usage.completionTokens).toBe(256);
});
