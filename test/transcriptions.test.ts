import { tone } from '@backplane/core/testing';
import OpenAI, { toFile } from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningServer, serve } from './server.ts';

/** A third party's backend that hears what it is told to have heard. */
const scribe = `
import { definePlugin, Failure } from '@backplane/core/sdk';
import { z } from 'zod';
export default definePlugin({
  name: 'scribe',
  apiVersion: 1,
  config: z.strictObject({}),
  setup(context) {
    context.backend('scribe', {
      options: z.strictObject({ timings: z.array(z.enum(['segment', 'word'])).default([]) }),
      create: ({ options }) => ({
        async load() { return { timings: options.timings, parameters: ['language', 'temperature'] }; },
        async unload() {},
        async transcribe({ audio, language, prompt, temperature, timings }) {
          if (audio.bytes.length === 0) throw new Failure('media_rejected', 'the recording is empty');
          const { name, mime, bytes } = audio;
          return {
            text: JSON.stringify({ name, mime, length: bytes.length, last: bytes.at(-1), language, prompt, temperature, timings }),
            language: 'english',
            duration: 3.5,
            ...(timings.includes('segment') && {
              segments: [
                { start: 0, end: 1.25, text: ' Hello' },
                { start: 3_661.5, end: 3_662.0004, text: ' world -->\\n\\n again' },
              ],
            }),
            ...(timings.includes('word') && { words: [{ start: 0, end: 1.25, word: 'Hello' }] }),
          };
        },
      }),
    });
  },
});
`;

const config = `
plugins: [./scribe.ts]
models:
  - { id: timed, backend: scribe, options: { timings: [segment, word] } }
  - { id: coarse, backend: scribe, isolation: process, options: { timings: [segment] } }
  - { id: text, backend: scribe, isolation: thread, unsupported: ignore }
`;

let server: RunningServer;
let openai: OpenAI;
beforeAll(async () => {
  server = await serve(config, { files: { 'scribe.ts': scribe } });
  openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'unused', maxRetries: 0 });
});
afterAll(() => server?.stop());

const speech = (): File => new File([tone(1)], 'speech.wav', { type: 'audio/wav' });

function ask(fields: Readonly<Record<string, string | File | readonly string[]>>): Promise<Response> {
  const form = new FormData();
  for (const [name, value] of Object.entries({ file: speech(), ...fields })) {
    for (const one of [value].flat()) form.append(name, one as never);
  }
  return fetch(`${server.url}/v1/audio/transcriptions`, { method: 'POST', body: form });
}

async function refusal(response: Promise<Response>): Promise<object> {
  const answer = await response;
  return { status: answer.status, ...((await answer.json()) as { readonly error: object }).error };
}

test.each([
  'timed',
  'coarse',
  'text',
])('the SDK’s upload reaches the backend of %s whole, with what was said about it', async (model) => {
  const file = await toFile(tone(1), 'speech.wav', { type: 'audio/wav' });
  const { text } = await openai.audio.transcriptions.create({ file, model, language: 'en', temperature: 0.5 });
  expect(JSON.parse(text)).toEqual({
    ...{ name: 'speech.wav', mime: 'audio/wav', length: 32_044, last: tone(1).at(-1) },
    ...{ language: 'en', temperature: 0.5, timings: [] },
  });
});

test('json has the text and how long the recording is', async () => {
  const response = await ask({ model: 'text' });
  expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
  expect(await response.json()).toEqual({
    text: expect.stringContaining('speech.wav'),
    usage: { type: 'duration', seconds: 3.5 },
  });
});

test('text is the text alone', async () => {
  const response = await ask({ model: 'text', response_format: 'text' });
  expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8');
  expect(await response.text()).toMatch(/^\{"name":"speech\.wav".*\}\n$/);
});

test('srt has numbered cues with hours, minutes, seconds and milliseconds', async () => {
  expect(await (await ask({ model: 'timed', response_format: 'srt' })).text()).toBe(
    '1\n00:00:00,000 --> 00:00:01,250\nHello\n\n2\n01:01:01,500 --> 01:01:02,000\nworld ->\nagain\n\n',
  );
});

test('vtt has the same with a head of its own', async () => {
  expect(await (await ask({ model: 'timed', response_format: 'vtt' })).text()).toBe(
    'WEBVTT\n\n00:00:00.000 --> 00:00:01.250\nHello\n\n01:01:01.500 --> 01:01:02.000\nworld ->\nagain\n\n',
  );
});

test('verbose_json has segments, and words where they are asked for', async () => {
  const plain = (await (await ask({ model: 'timed', response_format: 'verbose_json' })).json()) as {
    readonly segments: object;
  };
  expect(plain).toMatchObject({ task: 'transcribe', language: 'english', duration: 3.5 });
  expect(plain.segments).toMatchObject([{ id: 0, start: 0, end: 1.25, text: ' Hello' }, { id: 1 }]);
  expect(plain).not.toHaveProperty('words');
  const words = await openai.audio.transcriptions.create({
    ...{ file: speech(), model: 'timed', response_format: 'verbose_json', timestamp_granularities: ['word'] },
  });
  expect(words).toMatchObject({ words: [{ word: 'Hello', start: 0, end: 1.25 }] });
  expect(words).not.toHaveProperty('segments');
});

test.each([
  'srt',
  'vtt',
  'verbose_json',
])('%s of a model that does not time what it hears is a 400 that names response_format', async (format) => {
  expect(await refusal(ask({ model: 'text', response_format: format }))).toMatchObject({
    ...{ status: 400, code: 'unsupported_parameter', param: 'response_format' },
    message: expect.stringContaining('it takes json and text'),
  });
});

test.each([
  [{ response_format: 'mp3' }, 'response_format'],
  [{ temperature: '7' }, 'temperature'],
  [{ temperature: 'warm' }, 'temperature'],
  [{ stream: 'true' }, 'stream'],
  [{ file: 'no file' }, 'file'],
  [{ 'timestamp_granularities[]': ['word'] }, 'timestamp_granularities'],
  [{ response_format: 'verbose_json', 'timestamp_granularities[]': ['word'] }, 'timestamp_granularities'],
  [{ response_format: 'verbose_json', 'timestamp_granularities[]': ['year'] }, 'timestamp_granularities[][0]'],
])('%o is a 400 that names %s', async (fields, param) => {
  expect(await refusal(ask({ model: 'coarse', ...fields }))).toMatchObject({ status: 400, param });
});

test('a recording that the backend refuses is its refusal', async () => {
  const file = new File([], 'nothing.wav');
  expect(await refusal(ask({ model: 'coarse', file }))).toMatchObject({ status: 400, code: 'media_rejected' });
});

test('a form that breaks off is a 400', async () => {
  const body =
    '--x\r\nContent-Disposition: form-data; name="model"\r\n\r\ntext\r\n--x\r\nContent-Disposition: form-data';
  const headers = { 'content-type': 'multipart/form-data; boundary=x' };
  const response = fetch(`${server.url}/v1/audio/transcriptions`, { method: 'POST', headers, body });
  expect(await refusal(response)).toMatchObject({ status: 400, code: 'invalid_request' });
});

test('fields that mean nothing here are ignored and named', async () => {
  const response = await ask({ model: 'text', mood: 'sunny', language: '' });
  expect(response.headers.get('x-backplane-ignored')).toBe('mood');
});

test('a model that transcribes has no chat, and says so', async () => {
  const response = fetch(`${server.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'text', messages: [{ role: 'user', content: 'hi' }] }),
  });
  expect(await refusal(response)).toMatchObject({
    ...{ status: 400, code: 'unsupported_task' },
    message: expect.stringContaining('it serves /v1/audio/transcriptions'),
  });
});
