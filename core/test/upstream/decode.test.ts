import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ChatEvent, Failure } from '../../src/sdk/index.ts';
import { Decoder } from '../../src/upstream/decode.ts';
import { content, cutBytes, openStream } from './streams.ts';

const upstream = { title: 'upstream 1', host: { key: 'sk-secret' } };
const chunk = (delta: object, more: object = {}): string =>
  `data: ${JSON.stringify({ choices: [{ index: 0, delta, ...more }] })}\n\n`;
const finish = (reason: string): string => chunk({}, { finish_reason: reason });
const end = `${finish('stop')}data: [DONE]\n\n`;

/** How a stream begins whose upstream says no usage before its end. */
const guessed = { type: 'started', promptTokens: 0, estimated: true };

function decode(pieces: readonly Buffer[]): readonly ChatEvent[] {
  const decoder = new Decoder(upstream);
  const events: ChatEvent[] = [];
  for (const piece of pieces) {
    events.push(...decoder.push(piece));
    if (decoder.failure) throw decoder.failure;
  }
  return [...events, ...decoder.end()];
}
const read = (text: string): readonly ChatEvent[] => decode([Buffer.from(text)]);

describe('the decoder', () => {
  it('reads the same events wherever a stream is cut into pieces, within a character too', () => {
    fc.assert(
      fc.property(cutBytes(openStream.map((text) => Buffer.from(text + end))), ({ bytes, pieces }) => {
        expect(decode(pieces)).toEqual(decode([bytes]));
      }),
    );
  });

  it('reads every text as it was written', () => {
    fc.assert(
      fc.property(fc.array(content), (texts) => {
        const events = read(texts.map((text) => chunk({ content: text })).join('') + end);
        const said = events.map((event) => (event.type === 'text' ? event.text : '')).join('');
        expect(said === texts.join('')).toBe(true);
      }),
    );
  });

  it('calls no stream whole that is cut before its [DONE]', () => {
    const text = chunk({ content: '你好' }) + end;
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length - 2; at++) {
      expect(() => decode([bytes.subarray(0, at)]), String(at)).toThrow(Failure);
    }
    expect(read(text)).toEqual([
      guessed,
      { type: 'text', text: '你好', tokens: 1 },
      { type: 'finish', reason: 'stop' },
    ]);
  });

  it('gives what came before an error, then the error, without the key', () => {
    const decoder = new Decoder(upstream);
    const text = `${chunk({ content: 'a' })}data: {"error":{"message":"no such key sk-secret"}}\n\n`;
    expect(decoder.push(Buffer.from(text))).toEqual([guessed, { type: 'text', text: 'a', tokens: 1 }]);
    expect(decoder.failure?.message).toBe('upstream 1 failed: no such key …');
    expect(() => decoder.end()).toThrow('upstream 1 failed');
  });

  it.each([
    ['"429"', 'rate_limited'],
    ['400', 'invalid_request'],
    ['"500"', 'backend_failed'],
    ['"model_overloaded"', 'backend_failed'],
    ['null', 'backend_failed'],
  ])('reads the status that an error within a stream has as its code: %s', (code, meaning) => {
    const decoder = new Decoder(upstream);
    decoder.push(Buffer.from(`data: {"error":{"message":"no","code":${code}}}\n\n`));
    expect(decoder.failure?.code).toBe(meaning);
  });

  it.each(['error', 'abort'])('takes finish_reason %s for a failure, not for an end', (reason) => {
    expect(() => read(chunk({ content: 'a' }) + finish(reason) + end)).toThrow('gave up the answer');
  });

  it.each([
    ['no JSON', 'data: {"choices":[{"del\n\n', 'no JSON'],
    ['a number', 'data: 5\n\n', 'no object'],
    ['null', 'data: null\n\n', 'no object'],
    ['an error of one word', 'data: {"error":"lost"}\n\n', 'lost'],
  ])('fails in a sentence for %s', (_, text, message) => {
    expect(() => read(text + end)).toThrow(message);
    expect(() => read(text + end)).toThrow(Failure);
  });

  it.each([
    '{"choices":[null]}',
    '{"choices":[{"delta":{"tool_calls":[null]}}]}',
    '{"choices":{}}',
    '{"choices":[{"delta":{"content":5}}]}',
  ])('does not stumble over %s', (data) => {
    const outcome = (): unknown => {
      try {
        return read(`data: ${data}\n\n${end}`);
      } catch (thrown) {
        return thrown;
      }
    };
    const seen = outcome();
    if (seen instanceof Error) expect(seen).toBeInstanceOf(Failure);
    else for (const event of seen as ChatEvent[]) if (event.type === 'text') expect(typeof event.text).toBe('string');
  });

  it('gives up on an event without end', () => {
    const decoder = new Decoder(upstream);
    const flood = (): void => {
      for (let i = 0; i < 40; i++) decoder.push(Buffer.alloc(1024 * 1024, 'x'));
    };
    expect(flood).toThrow('without end');
  });
});
