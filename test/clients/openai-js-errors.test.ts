import OpenAI from 'openai';
import { beforeAll, describe, expect, test } from 'vitest';
import type { RunningServer } from '../server.ts';
import { key, serveGuarded, serveModels } from './served.ts';

let server: RunningServer;
let guarded: RunningServer;
let client: OpenAI;

beforeAll(async () => {
  [server, guarded] = await Promise.all([serveModels(), serveGuarded()]);
  client = connect(server, 'unused');
});

function connect(to: RunningServer, apiKey: string): OpenAI {
  return new OpenAI({ baseURL: `${to.url}/v1`, apiKey, maxRetries: 0 });
}

const user = (content: string) => [{ role: 'user', content }] as const;
const chat = (more: object) => client.chat.completions.create({ model: 'tiny', messages: [...user('Hello')], ...more });

async function thrown(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => expect.fail('it succeeded'),
    (error: unknown) => error,
  );
}

describe('an error', () => {
  test('of an unknown model is a NotFoundError that names the model', async () => {
    const error = await thrown(chat({ model: 'gpt-17' }));
    expect(error).toBeInstanceOf(OpenAI.NotFoundError);
    expect(error).toMatchObject({ status: 404, code: 'model_not_found', message: expect.stringContaining('gpt-17') });
    expect(await thrown(client.models.retrieve('gpt-17'))).toBeInstanceOf(OpenAI.NotFoundError);
  });

  test('of a wrong value is a BadRequestError that names the parameter', async () => {
    const error = await thrown(chat({ temperature: 3 }));
    expect(error).toBeInstanceOf(OpenAI.BadRequestError);
    expect(error).toMatchObject({ status: 400, type: 'invalid_request_error', param: 'temperature' });
  });

  test('of a parameter that the model cannot honour is a BadRequestError, also of a stream', async () => {
    const expected = { status: 400, code: 'unsupported_parameter', param: 'reasoning_effort' };
    for (const stream of [false, true]) {
      const error = await thrown(chat({ reasoning_effort: 'low', stream }));
      expect(error).toBeInstanceOf(OpenAI.BadRequestError);
      expect(error).toMatchObject(expected);
    }
  });

  test('of a prompt that is too long is a BadRequestError with OpenAI’s code', async () => {
    const error = await thrown(chat({ messages: user('word '.repeat(5_000)) }));
    expect(error).toBeInstanceOf(OpenAI.BadRequestError);
    expect(error).toMatchObject({ code: 'context_length_exceeded' });
  });

  test('of a wrong key is an AuthenticationError, and the right key is let in', async () => {
    const error = await thrown(connect(guarded, 'sk-wrong').models.list());
    expect(error).toBeInstanceOf(OpenAI.AuthenticationError);
    expect(error).toMatchObject({ status: 401, code: 'invalid_api_key' });
    expect((await connect(guarded, key).models.list()).data).toHaveLength(1);
  });
});

describe('a call to a model that is busy', () => {
  test('is an InternalServerError 503 that says when to come back', async () => {
    const busy = { model: 'busy', messages: [...user('hello')], stream: true as const };
    const stream = await client.chat.completions.create(busy);
    const error = await thrown(client.chat.completions.create(busy));
    expect(error).toBeInstanceOf(OpenAI.InternalServerError);
    expect(error).toMatchObject({ status: 503, code: 'queue_full' });
    expect((error as InstanceType<typeof OpenAI.APIError>).headers?.get('retry-after')).toMatch(/^\d+$/);
    stream.controller.abort();
  });
});

describe('a stream that the client breaks off', () => {
  const endless = { model: 'endless', messages: [...user('hello')] };

  test.each([
    'abort',
    'break',
  ])('by %s is cancelled in the server within a second, and the model is free', async (how) => {
    const call = client.chat.completions.create({ ...endless, stream: true });
    const { data: stream, request_id } = await call.withResponse();
    let seen = 0;
    let begin = 0;
    for await (const _ of stream) {
      if (++seen !== 5) continue;
      begin = performance.now();
      if (how === 'break') break;
      stream.controller.abort();
    }
    const line = await server.line(({ request }) => request === request_id);
    expect(line).toMatchObject({ outcome: 'cancelled', status: 499, code: 'cancelled' });
    expect(performance.now() - begin).toBeLessThan(1_000);
    const next = await client.chat.completions.create({ ...endless, max_tokens: 4 });
    expect(next.choices[0]?.message.content).toBe('tick tock tick tock ');
  });
});
