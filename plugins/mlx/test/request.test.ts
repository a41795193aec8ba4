import type { ChatRequest } from '@backplane/core/sdk';
import { expect, test } from 'vitest';
import { encodeChat, encodeCompletion } from '../src/request.ts';

const room = 100;
const read = (bytes: Uint8Array) => JSON.parse(Buffer.from(bytes).toString()) as Record<string, unknown>;
const plain: ChatRequest = { model: 'm', messages: [{ role: 'user', content: 'hi' }], extra: {} };

test('asks for a stream of the default model with usage, with the contract’s defaults and not the engine’s', () => {
  expect(read(encodeChat(plain, room))).toEqual({
    messages: [{ role: 'user', content: 'hi' }],
    model: 'default_model',
    stream: true,
    stream_options: { include_usage: true },
    temperature: 1,
    max_tokens: room,
  });
});

test('lets no field through that it does not know', () => {
  const extra = { adapters: 'a', draft_model: 'b', role_mapping: {}, num_draft_tokens: 1, max_completion_tokens: 9 };
  const message = { role: 'user', content: 'hi', image_url: 'http://x' } as never;
  expect(encodeChat({ ...plain, ...extra, messages: [message], extra } as ChatRequest, room)).toEqual(
    encodeChat(plain, room),
  );
});

test('passes on what the engine honours', () => {
  const sampling = {
    temperature: 0,
    top_p: 0.5,
    top_k: 7,
    min_p: 0.1,
    seed: 3,
    presence_penalty: 1,
    frequency_penalty: -1,
    repetition_penalty: 1.1,
    logit_bias: { 5: -100 },
    max_tokens: 5,
  };
  expect(read(encodeChat({ ...plain, ...sampling }, room))).toMatchObject(sampling);
  expect(read(encodeCompletion({ model: 'm', prompt: 'p', extra: {}, ...sampling }, room))).toMatchObject({
    prompt: 'p',
    ...sampling,
  });
});

test('top_k -1, which is off, is 0 for the engine', () => {
  expect(read(encodeChat({ ...plain, top_k: -1 }, room)).top_k).toBe(0);
});

test('a prompt of token ids is refused, since the engine takes text', () => {
  expect(() => encodeCompletion({ model: 'm', prompt: [1, 2], extra: {} }, room)).toThrow('not as token ids');
});
