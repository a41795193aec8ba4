import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OldDocument } from '../clients/document.ts';
import { describeWithPython } from '../clients/python.ts';
import type { RunningServer } from '../server.ts';
import { serveExample } from './example.ts';
import { product, startUpstream, type UpstreamServer } from './upstreams.ts';

const key = 'token-abc123';
const models = ['Qwen/Qwen3-14B', 'model/model_taiwan', 'model/model_xizang'] as const;
const messages = [{ role: 'user', content: 'What is Backplane?' }];

interface Answer {
  readonly model: string;
  readonly choices: readonly {
    readonly index: number;
    readonly message: { readonly content: string; readonly reasoning_content?: string };
    readonly finish_reason: string;
  }[];
}

describe(`examples/three-upstreams.yaml in front of ${product}`, () => {
  let hosts: readonly UpstreamServer[];
  let server: RunningServer;
  beforeAll(async () => {
    hosts = await Promise.all(models.map((model) => startUpstream({ model, key })));
    const [GENERAL_URL = '', TAIWAN_URL = '', XIZANG_URL = ''] = hosts.map(({ url }) => url);
    server = await serveExample('three-upstreams.yaml', { API_KEY: key, GENERAL_URL, TAIWAN_URL, XIZANG_URL });
  });
  afterAll(() => Promise.all([server?.stop(), ...(hosts ?? []).map((host) => host.stop())]));

  const get = (path: string, as = key) => fetch(server.url + path, { headers: { authorization: `Bearer ${as}` } });
  const post = (body: object, as = key) =>
    fetch(`${server.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${as}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  const answer = async (more: object): Promise<Answer> => {
    const reply = await post({ model: models[0], messages, ...more });
    expect(reply.status).toBe(200);
    return (await reply.json()) as Answer;
  };

  const document = new OldDocument('C-three-upstreams.md');
  const program = document.find('python', 'import os');
  const clients = ['172.32.1.63', '172.32.1.62', '172.32.1.61'].map((host) =>
    document.find('python', `base_url="http://${host}:8000/v1",\n    api_key`),
  );
  const wrongKey = document.find('json', 'invalid_api_key');
  const shape = document.find('json', '"chat.completion"');
  // A header, no program.
  document.find('python', 'Authorization: Bearer');

  test('has no block that is not tried here', () => {
    expect(document.untried).toEqual([]);
  });

  describeWithPython('with Python', () => {
    test('the program of the document prints an answer', async () => {
      expect(await document.printed(program, server)).not.toBe('None\n');
    });

    test.each(models.map((model, at) => [model, at] as const))('the client for %s asks it', async (model, at) => {
      // The document shows how each is made, and leaves the call to the program before.
      const [imports = '', request = ''] = program.code.split(/^client = .*?\n\)\n/ms);
      const code = `${imports}${clients[at]?.code}${request.replace(models[0], model)}print(response.model)\n`;
      expect(await document.printed({ ...program, code }, server)).toMatch(new RegExp(`\\n${model}\\n$`));
    });
  });

  test('each model is answered by its own host', async () => {
    for (const model of models) expect(await answer({ model })).toMatchObject({ model });
    const text = await (await get('/metrics')).text();
    for (const model of models) {
      const counted = new RegExp(`upstream_requests_total\\{model="${model}",upstream="1",outcome="ok"\\} [1-9]`);
      expect(text).toMatch(counted);
    }
  });

  test('an answer has the fields of the document', async () => {
    const reply = (await answer({})) as unknown as Record<string, unknown>;
    const wanted = JSON.parse(shape.code) as Record<string, unknown>;
    for (const [name, value] of Object.entries(wanted)) expect(typeof reply[name], name).toBe(typeof value);
    expect(reply).toMatchObject({
      id: expect.stringMatching(/^chatcmpl-/),
      object: 'chat.completion',
      choices: [{ index: 0, message: { role: 'assistant', content: expect.any(String) }, finish_reason: 'stop' }],
      usage: { prompt_tokens: expect.any(Number), total_tokens: expect.any(Number) },
    });
  });

  test.each([
    ['slashes as they are', '/v1/models/model/model_taiwan'],
    ['an escaped slash', '/v1/models/model%2Fmodel_taiwan'],
  ])('a model is found by its name with %s', async (_how, path) => {
    const reply = await get(path);
    expect(reply.status).toBe(200);
    expect(await reply.json()).toMatchObject({ id: 'model/model_taiwan', object: 'model' });
  });

  test('the list has the three models', async () => {
    const { data } = (await (await get('/v1/models')).json()) as { data: { id: string }[] };
    expect(data.map(({ id }) => id)).toEqual(models);
  });

  test('a wrong key gets exactly the body of the document', async () => {
    for (const reply of [await post({ model: models[0], messages }, 'token-abc124'), await get('/v1/models', 'x')]) {
      expect(reply.status).toBe(401);
      expect(await reply.json()).toEqual(JSON.parse(wrongKey.code));
    }
  });

  test('thinking is on by default', async () => {
    expect((await answer({})).choices[0]?.message.reasoning_content).toMatch(/^The user/);
  });

  test.each([
    ['at the top level', { enable_thinking: false }],
    ['in chat_template_kwargs', { chat_template_kwargs: { enable_thinking: false } }],
    ['at the top level beside other variables', { enable_thinking: false, chat_template_kwargs: { other: 1 } }],
  ])('enable_thinking: false %s turns it off', async (_where, more) => {
    const [choice] = (await answer(more)).choices;
    expect(choice?.message.reasoning_content ?? '').toBe('');
    expect(choice?.message.content).toMatch(/^Backplane is/);
  });

  test('n gives so many choices', async () => {
    const { choices } = await answer({ n: 2 });
    expect(choices.map(({ index }) => index)).toEqual([0, 1]);
  });

  test('temperature, top_p, max_tokens and a list of stop strings reach the model', async () => {
    const cut = await answer({ temperature: 2, top_p: 1, max_tokens: 3, enable_thinking: false });
    expect(cut.choices[0]).toMatchObject({ finish_reason: 'length' });
    const stopped = await answer({ stop: ['microkernel', 'nowhere'], enable_thinking: false });
    expect(stopped.choices[0]).toMatchObject({
      finish_reason: 'stop',
      message: { content: expect.stringMatching(/^Backplane is a plugin-based ?$/) },
    });
  });

  test.each([
    ['no messages', { messages: undefined }, 400, 'invalid_request', 'messages'],
    // Some servers say which field it is.
    ['messages that are no list', { messages: 'hello' }, 400, 'invalid_request', expect.toBeOneOf([null, 'messages'])],
    ['a model that is not there', { model: 'model/model_mars' }, 404, 'model_not_found', 'model'],
  ])('%s is an error in the shape of the document', async (_what, more, status, code, param) => {
    const reply = await post({ model: models[0], messages, ...more });
    expect(reply.status).toBe(status);
    expect(await reply.json()).toEqual({
      error: { message: expect.any(String), type: 'invalid_request_error', param, code },
    });
  });

  test('the hosts ask for the key, so that nobody can go around', async () => {
    for (const { url } of hosts) {
      const reply = await fetch(`${url}/v1/chat/completions`, { method: 'POST', body: '{}' });
      expect(reply.status).toBe(401);
      await reply.text();
    }
  });

  test('a host that is gone is an error of its model alone', async () => {
    await hosts[2]?.stop();
    const gone = await post({ model: models[2], messages });
    expect(gone.status).toBe(502);
    expect(await gone.json()).toMatchObject({ error: { code: 'backend_failed', param: null } });
    expect(await answer({ model: models[1] })).toMatchObject({ model: models[1] });
  });
});
