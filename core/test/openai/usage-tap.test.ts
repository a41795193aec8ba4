import { describe, expect, test } from 'vitest';
import { UsageTap } from '../../src/openai/usage-tap.ts';

const read = (...chunks: readonly string[]) => {
  const tap = new UsageTap();
  for (const chunk of chunks) tap.pass(Buffer.from(chunk));
  return tap.read();
};

test.each([
  ['as vLLM writes it', '{"usage":{"prompt_tokens":5,"total_tokens":12,"completion_tokens":7}}', {}],
  ['with spaces', '{"usage": {"prompt_tokens": 5, "total_tokens": 12, "completion_tokens": 7}}', {}],
  ["in the Responses API's words", '{"usage":{"input_tokens":5,"output_tokens":7,"total_tokens":12}}', {}],
  [
    'with its details',
    '{"usage":{"prompt_tokens":5,"completion_tokens":7,"prompt_tokens_details":{"cached_tokens":3},' +
      '"completion_tokens_details":{"reasoning_tokens":2}}}',
    { cachedTokens: 3, reasoningTokens: 2 },
  ],
  ['without an output', '{"usage":{"prompt_tokens":5,"completion_tokens":null}}', { completionTokens: 0 }],
])('reads the usage of a reply, %s', (_, reply, more) => {
  const usage = { promptTokens: 5, completionTokens: 7, ...more };
  expect(read(reply)).toEqual(usage);
  const middle = reply.indexOf('"usage"') + 4;
  expect(read(reply.slice(0, middle), reply.slice(middle))).toEqual(usage);
  expect(read(`{"content":"${'x'.repeat(5_000)}",${reply.slice(1)}`)).toEqual(usage);
});

test.each([
  ['says nothing of it', '{"choices":[]}'],
  ['says null', '{"usage":null}'],
  ['names no tokens', '{"usage":{}}'],
])('knows nothing of a reply that %s', (_, reply) => {
  expect(read(reply)).toBeUndefined();
});

test('knows nothing of a reply that has not begun', () => {
  expect(read()).toBeUndefined();
});

describe('a stream that says nothing of its usage', () => {
  const event = (text: string): string =>
    `data: {"choices":[{"index":0,"delta":{"content":${JSON.stringify(text)}}}]}\n\n`;
  const estimate = (chunks: readonly string[]) => {
    const tap = new UsageTap();
    for (const chunk of chunks) tap.pass(Buffer.from(chunk));
    return tap.estimate(() => 5);
  };
  const words = Array.from({ length: 101 }, (_, at) => event(` word${at}`));

  test.each([
    ['one by one', words],
    ['to its end', [...words, 'data: [DONE]\n\n']],
    ['many at a time', [words.slice(0, 70).join(''), words.slice(70).join('')]],
    ['cut within events', words.join('').match(/.{1,333}/gs) ?? []],
    ['with other line ends', words.map((word) => word.replaceAll('\n', '\r\n').replace('data: ', 'data:'))],
  ])('is taken to have a token an event, but for the first, as it comes %s', (_, chunks) => {
    const usage = estimate(chunks);
    expect(usage).toMatchObject({ promptTokens: 5, estimated: true });
    expect(usage?.completionTokens).toBeGreaterThan(80);
    expect(usage?.completionTokens).toBeLessThan(120);
  });

  test('has come to nothing before its first event, and to a prompt with it', () => {
    expect(estimate([])).toBeUndefined();
    expect(estimate([': wait\n\n'])).toBeUndefined();
    expect(estimate([event('')])).toMatchObject({ promptTokens: 5, completionTokens: 0 });
  });
});
