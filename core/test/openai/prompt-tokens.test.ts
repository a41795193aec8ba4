import { expect, test } from 'vitest';
import { readBody } from '../../src/openai/body.ts';
import { promptTokensOf } from '../../src/openai/prompt-tokens.ts';

const tokens = (body: object): number => promptTokensOf(readBody(Buffer.from(JSON.stringify(body))));

test('a token is counted per four bytes of the prompt, wherever it stands, and for nothing else', () => {
  const prompt = 'x'.repeat(398);
  expect(tokens({ model: 'm', prompt })).toBe(100);
  expect(tokens({ model: 'm', input: prompt, metadata: prompt })).toBe(100);
  expect(tokens({ prompt: [12_345, 12_346, 12_347] })).toBe(5);
  expect(tokens({ model: 'm', stream: true })).toBe(0);
  const messages = [{ role: 'user', content: prompt }];
  expect(tokens({ messages, tools: messages })).toBe(2 * tokens({ messages }));
});

test('pictures, sounds and videos within a prompt count nothing', () => {
  const url = `data:image/png;base64,${'A'.repeat(500_000)}`;
  const message = (parts: readonly object[]) => ({ messages: [{ role: 'user', content: parts }] });
  const text = { type: 'text', text: 'What is in data:text/plain?' };
  const picture = { type: 'image_url', image_url: { url } };
  const few = tokens(message([text]));
  expect(few).toBeLessThan(40);
  expect(tokens(message([text, picture, picture]))).toBeLessThan(few + 40);
});
