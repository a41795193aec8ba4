import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chat } from './chat.ts';
import { puppet, puppetConfig } from './puppet.ts';
import { type RunningServer, serve } from './server.ts';

/** A third party's route that counts as a call of a model. */
const ask = `
import { definePlugin } from '@backplane/core/sdk';
import { z } from 'zod';

export default definePlugin({
  name: 'ask',
  apiVersion: 1,
  config: z.strictObject({}),
  setup(context) {
    context.routes(async (server) => {
      server.get('/ask', { config: { operation: 'chat' } }, async () => ({ said: 'x' }));
    });
  },
});`;

let server: RunningServer;
beforeAll(async () => {
  const config = puppetConfig('isolation: inline\naliases: [Qwen/Qwen3-14B, "a b"]', '{}', 'body_limit: 100KB');
  const plugins = 'plugins: [./puppet.ts, ./ask.ts]';
  server = await serve(config.replace('plugins: [./puppet.ts]', plugins), {
    files: { 'puppet.ts': puppet, 'ask.ts': ask },
  });
});
afterAll(() => server.stop());

/** Sends bytes as they are and returns all that comes back. */
function raw(bytes: string): Promise<string> {
  const { hostname, port } = new URL(server.url);
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    socket.on('data', (data) => {
      answer += data;
    });
    socket.on('close', () => resolve(answer));
  });
}

const post = (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) =>
  fetch(`${server.url}/v1/chat/completions`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', ...headers },
  });

const error = async (answer: Response) => {
  expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
  const { error } = (await answer.json()) as {
    error: { message: string; type: string; param: string | null; code: string };
  };
  return [answer.status, error.code, error.param, error.message];
};

const message = { role: 'user', content: 'say x' };
const ok = { model: 'm', messages: [message] };

describe('a request that is not right gets an OpenAI-shaped error', () => {
  test.each([
    ['no JSON', '{', 400, 'invalid_request', null, 'it is not valid JSON'],
    ['no object', '[]', 400, 'invalid_request', null, 'must be a JSON object'],
    ['an empty body', '', 400, 'invalid_request', null, 'it is not valid JSON'],
    ['no model', '{"messages":[]}', 400, 'invalid_request', 'model', 'must name a model'],
    ['an unknown model', '{"model":"gpt-9"}', 404, 'model_not_found', 'model', '`gpt-9` does not exist'],
    ['the name of a prototype', '{"model":"__proto__"}', 404, 'model_not_found', 'model', '`__proto__`'],
    ['no messages', '{"model":"m"}', 400, 'invalid_request', 'messages', 'expected array'],
    ['empty messages', '{"model":"m","messages":[]}', 400, 'invalid_request', 'messages', '>=1'],
    [
      'an unknown role',
      '{"model":"m","messages":[{"role":"boss","content":""}]}',
      400,
      'invalid_request',
      'messages[0].role',
      '',
    ],
    [
      'a wrong content',
      '{"model":"m","messages":[{"role":"user","content":3}]}',
      400,
      'invalid_request',
      'messages[0].content',
      '',
    ],
  ])('%s', async (_, body, status, code, param, text) => {
    expect(await error(await post(body))).toEqual([status, code, param, expect.stringContaining(text)]);
  });

  test.each([
    [{ n: 129 }, 'n'],
    [{ n: 1e9 }, 'n'],
    [{ stop: [''] }, 'stop[0]'],
    [{ stream: 'yes' }, 'stream'],
    [{ max_tokens: 0 }, 'max_tokens'],
    [{ max_tokens: 3, max_completion_tokens: 4 }, 'max_tokens'],
    [{ tool_choice: 'required' }, 'tool_choice'],
    [{ tools: [{ type: 'function', function: { name: 'no spaces' } }] }, 'tools[0].function.name'],
    [
      {
        tools: [{ type: 'function', function: { name: 'f' } }],
        tool_choice: { type: 'function', function: { name: 'g' } },
      },
      'tool_choice',
    ],
    [
      { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'http://x/' } }] }] },
      'messages[0].content[0]',
    ],
  ])('%j names %s', async (more, param) => {
    const [status, code, named] = await error(await post(JSON.stringify({ ...ok, ...more })));
    expect([status, code, named]).toEqual([400, 'invalid_request', param]);
  });

  test('JSON nested beyond reason', async () => {
    const body = JSON.stringify({ ...ok, extra: 0 }).replace('0}', `${'['.repeat(20_000)}${']'.repeat(20_000)}}`);
    expect(await error(await post(body))).toEqual([400, 'invalid_request', null, expect.stringContaining('64 levels')]);
  });

  test('bytes that are no UTF-8', async () => {
    const body = Buffer.from(JSON.stringify(ok).replace('say x', 'say \xff'), 'latin1');
    expect(await error(await post(new Uint8Array(body)))).toEqual([
      400,
      'invalid_request',
      null,
      expect.stringContaining('UTF-8'),
    ]);
  });

  test('a body over the limit, a form, a compressed body', async () => {
    expect((await error(await post(' '.repeat(200_000)))).slice(0, 2)).toEqual([413, 'payload_too_large']);
    expect((await error(await post('{}', { 'content-type': 'text/plain' }))).slice(0, 2)).toEqual([
      415,
      'unsupported_media_type',
    ]);
    expect((await error(await post('{}', { 'content-encoding': 'gzip' }))).slice(0, 2)).toEqual([
      415,
      'unsupported_media_type',
    ]);
  });

  test('an unknown path, and a known one with another method', async () => {
    expect((await error(await fetch(`${server.url}/v2/chat`))).slice(0, 2)).toEqual([404, 'not_found']);
    const wrong = await fetch(`${server.url}/v1/chat/completions`);
    expect(wrong.headers.get('allow')).toBe('POST');
    expect((await error(wrong)).slice(0, 2)).toEqual([405, 'method_not_allowed']);
    const remove = await fetch(`${server.url}/v1/models/m`, { method: 'DELETE' });
    expect(remove.headers.get('allow')).toBe('GET, HEAD');
    for (const method of ['QUERY', 'PUT']) {
      const answer = await fetch(`${server.url}/health`, { method, body: 'x', headers: { 'content-type': 'a/b' } });
      expect((await error(answer)).slice(0, 2)).toEqual([405, 'method_not_allowed']);
    }
    expect(await raw('QUERY /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')).toMatch(
      /^HTTP\/1.1 405 .*\r\nallow: GET, HEAD\r\n/s,
    );
  });

  test('a task the model does not have', async () => {
    const answer = await fetch(`${server.url}/v1/embeddings`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'm', input: 'x' }),
    });
    expect(await error(answer)).toEqual([
      400,
      'unsupported_task',
      'model',
      'm does not serve /v1/embeddings; it serves /v1/chat/completions.',
    ]);
  });

  test('what is no HTTP, and what would smuggle a second request', async () => {
    expect(
      await raw('GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'),
    ).toMatch(/^HTTP\/1.1 400 Bad Request\r\n.*Connection: close/s);
    expect(await raw('\x16\x03\x01 tls?\r\n\r\n')).toMatch(/^HTTP\/1.1 400 .*"invalid_request_error"/s);
  });
});

describe('parameters are honest', () => {
  test('one that the model does not honour is refused by name, unless its value asks for nothing', async () => {
    expect(await error(await chat(server.url, 'say x', { temperature: 0.5 }))).toEqual([
      400,
      'unsupported_parameter',
      'temperature',
      'm does not support the parameter temperature.',
    ]);
    const neutral = {
      temperature: 1,
      top_p: 1,
      logprobs: false,
      seed: null,
      store: false,
      best_of: 1,
      response_format: { type: 'text' },
    };
    const answer = await chat(server.url, 'say x', neutral);
    expect([answer.status, answer.headers.get('x-backplane-ignored')]).toEqual([200, null]);
  });

  test('old names are refused with the name to use', async () => {
    const [, , param, text] = await error(await chat(server.url, 'say x', { functions: [{ name: 'f' }] }));
    expect([param, text]).toEqual(['functions', 'm does not support the parameter functions; send tools instead.']);
  });

  test('fields named like what every object inherits are unknown ones', async () => {
    const { messages } = ok;
    const body = `{"model":"m","messages":${JSON.stringify(messages)},"__proto__":{"n":2},"constructor":1,"toString":1}`;
    const answer = await post(body);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('x-backplane-ignored')).toBe('__proto__, constructor, toString');
    expect(((await answer.json()) as { choices: object[] }).choices).toHaveLength(1);
  });

  test('what has no effect is named in a header, and only names that fit a header', async () => {
    const answer = await chat(server.url, 'say x', { user: 'u1', top_a: 1, 'a\r\nb': 1, beam: 3 });
    expect(answer.headers.get('x-backplane-ignored')).toBe('user, top_a');
  });

  test('GET /v1/models/{id} says what is honoured', async () => {
    const { backplane } = (await (await fetch(`${server.url}/v1/models/m`)).json()) as {
      backplane: Record<string, object>;
    };
    expect(backplane.parameters).toMatchObject({
      stream: 'honoured',
      max_completion_tokens: 'honoured',
      beam: 'honoured',
      temperature: 'refused',
    });
    expect(backplane).toMatchObject({ tasks: ['chat'], modalities: ['text'], context_length: 1000, state: 'ready' });
  });
});

describe('models', () => {
  test.each(['Qwen/Qwen3-14B', 'Qwen%2FQwen3-14B', 'a%20b', 'm', 'm/'])('GET /v1/models/%s', async (path) => {
    const answer = await fetch(`${server.url}/v1/models/${path}`);
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ id: decodeURIComponent(path).replace(/\/$/, ''), object: 'model' });
  });

  test('one that is not there is 404', async () => {
    expect((await error(await fetch(`${server.url}/v1/models/..%2f..%2fetc%2fpasswd`))).slice(0, 2)).toEqual([
      404,
      'model_not_found',
    ]);
  });

  test('an alias answers under the name it was called by', async () => {
    const answer = await chat(server.url, 'say x', { model: 'Qwen/Qwen3-14B' });
    expect(await answer.json()).toMatchObject({ model: 'Qwen/Qwen3-14B', object: 'chat.completion' });
  });
});

describe('the server', () => {
  test('takes a request id and gives it back, or makes one', async () => {
    const given = await chat(server.url, 'say x', {}, { headers: { 'x-request-id': 'abc-1' } });
    expect(given.headers.get('x-request-id')).toBe('abc-1');
    const odd = await chat(server.url, 'say x', {}, { headers: { 'x-request-id': 'a b"c' } });
    expect(odd.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    expect(await server.line(({ request }) => request === 'abc-1')).toMatchObject({
      status: 200,
      outcome: 'ok',
      model: 'm',
      prompt_tokens: 10,
    });
  });

  const named = { headers: { 'x-request-id': 'abc-2' } };
  test.each([
    ['an answer', () => chat(server.url, 'say x', {}, named)],
    ['a stream', () => chat(server.url, 'say x', { stream: true }, named)],
    ['a refusal', () => chat(server.url, 'say x', { model: 'nobody' }, named)],
    ['a page of its own', () => fetch(`${server.url}/v1/models`, named)],
    ["a plugin's own way to call a model", () => fetch(`${server.url}/ask`, named)],
    ['a path that is not there', () => fetch(`${server.url}/nowhere`, named)],
  ])('names the request in %s', async (_, ask) => {
    expect((await ask()).headers.get('x-request-id')).toBe('abc-2');
  });

  test('bound to loopback answers no foreign name', async () => {
    const foreign = await raw('GET /v1/models HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n');
    expect(foreign).toMatch(/^HTTP\/1.1 403 .*"forbidden"/s);
    const local = await raw('GET /v1/models HTTP/1.1\r\nHost: localhost:80\r\nConnection: close\r\n\r\n');
    expect(local).toMatch(/^HTTP\/1.1 200 /);
  });

  test('a plain error of a backend is 502 with a sentence, and no stack', async () => {
    expect(await error(await chat(server.url, 'throw'))).toEqual([
      502,
      'backend_failed',
      null,
      'instance 0 of m failed: a bug',
    ]);
  });

  test('names the instance that failed, also where the backend speaks of an instance itself', async () => {
    const [, , , message] = await error(await chat(server.url, 'fail backend_failed instance lost'));
    expect(message).toBe('instance 0 of m failed: instance lost');
  });
});
