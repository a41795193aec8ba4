import { describe, expect, test } from 'vitest';
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

describe('within a prompt', () => {
  const long = 'A'.repeat(500_000);
  const url = `data:image/png;base64,${long}`;
  const withPart = (part: object) =>
    tokens({ messages: [{ role: 'user', content: [{ type: 'text', text: 'What is this?' }, part] }] });
  const bare = withPart({});

  test.each([
    ['a picture', { type: 'image_url', image_url: { url } }],
    ['a picture of the Responses API', { type: 'input_image', image_url: url }],
    ['a sound', { type: 'input_audio', input_audio: { data: long, format: 'wav' } }],
    ['a video', { type: 'video_url', video_url: { url } }],
    ['a file', { type: 'file', file: { file_data: url, filename: 'a.pdf' } }],
  ])('%s counts nothing', (_, part) => {
    expect(withPart(part)).toBeLessThan(bare + 30);
  });

  test.each([
    ['begins like a picture', url],
    ['quotes one', JSON.stringify({ image_url: { url } })],
    ['is named like one', `"url":"${long}"`],
  ])('a text that %s counts as text', (_, text) => {
    expect(withPart({ type: 'text', text })).toBeGreaterThan(125_000);
  });
});
