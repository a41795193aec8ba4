import { rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { chat, stream } from '../chat.ts';
import { writeScriptedMlx } from '../scripted/mlx.ts';
import { scriptedAnswer } from '../scripted/model.ts';
import { folder, type RunningServer, serve } from '../server.ts';
import { describeMlx, engines, mlxConfig, mlxModel, tinyMlx } from './engine.ts';

describeMlx('a request to mlx_lm.server', () => {
  let directory: string;
  let server: RunningServer;
  beforeAll(async () => {
    directory = await folder({});
    await writeScriptedMlx(join(directory, 'scripted'));
    await writeScriptedMlx(join(directory, 'endless'), {
      chain: [' on', ' and'],
      loop: true,
      contextLength: 10_000_000,
    });
    server = await serve(
      mlxConfig(mlxModel('m', join(directory, 'scripted')), mlxModel('endless', join(directory, 'endless'))),
    );
  });
  afterAll(async () => {
    await server?.stop();
    await rm(directory, { recursive: true });
  });

  test.each([
    { adapters: '/nowhere' },
    { draft_model: tinyMlx },
    { role_mapping: { user: 'X' } },
    { num_draft_tokens: -1 },
  ])('cannot make it load anything: %o does not reach it', async (field) => {
    const response = await chat(server.url, 'go', field);
    expect(response.status).toBe(200);
    expect(response.headers.get('x-backplane-ignored')).toBe(Object.keys(field)[0]);
    const { choices } = (await response.json()) as { choices: [{ message: { content: string } }] };
    expect(choices[0].message.content).toBe(scriptedAnswer);
  });

  test('for the folder of another model is for no model of this server', async () => {
    expect((await chat(server.url, 'go', { model: tinyMlx })).status).toBe(404);
  });

  test.each([
    'chat_template',
    'tools',
    'tokenize',
    'return_dict',
  ])('cannot pass %s through chat_template_kwargs', async (name) => {
    const response = await chat(server.url, 'go', { chat_template_kwargs: { [name]: 'x' } });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { type: 'invalid_request_error' } });
  });

  test('with an image is refused, and its URL is fetched by nobody', async () => {
    let asked = 0;
    const listener = createServer((_, response) => {
      asked++;
      response.end();
    });
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(listener.address() as AddressInfo).port}/cat.png`;
    const content = [{ type: 'image_url', image_url: { url } }];
    const response = await chat(server.url, '', { messages: [{ role: 'user', content }] });
    expect(response.status).toBe(400);
    // What answers after it came after it: nothing is on its way any more.
    expect((await chat(server.url, 'go')).status).toBe(200);
    expect(asked).toBe(0);
    listener.close();
  });

  test('in text parts is understood', async () => {
    const content = [
      { type: 'text', text: 'go' },
      { type: 'text', text: 'on' },
    ];
    const response = await chat(server.url, '', { messages: [{ role: 'user', content }] });
    expect(response.status).toBe(200);
  });

  // The engine takes up a call with a seed only when nothing else is computed: that it answers shows that nothing is.
  test.each([true, false])('stops computing when its client leaves (stream: %s)', async (streamed) => {
    const taken = server.lines.length;
    const leave = new AbortController();
    const call = chat(server.url, 'go', { model: 'endless', stream: streamed }, { signal: leave.signal });
    call.then((response) => response.text()).catch(() => {});
    await server.line((line) => server.lines.indexOf(line) >= taken && /Prompt processing progress/.test(line.msg));
    leave.abort();
    const response = await chat(server.url, 'go', { model: 'endless', max_tokens: 3, seed: 1 });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ choices: [{ finish_reason: 'length' }] });
  });

  test('of a web page of another origin gets an answer that its browser keeps from it', async () => {
    const [engine] = engines(server);
    const port = /--port (\d+)/.exec(engine?.command ?? '')?.[1];
    const response = await fetch(`http://127.0.0.1:${port}/health`, { headers: { origin: 'https://example.org' } });
    expect(response.status).toBe(200);
    expect(['*', 'https://example.org']).not.toContain(response.headers.get('access-control-allow-origin'));
  });

  test('that the engine cannot read is not in the log, although the engine writes it there', async () => {
    const [engine] = engines(server);
    const port = /--port (\d+)/.exec(engine?.command ?? '')?.[1];
    for (const body of ['{"prompt": "classified"', '{"prompt":\n"classified"', '["classified"]']) {
      const taken = server.lines.length;
      await fetch(`http://127.0.0.1:${port}/v1/completions`, { method: 'POST', body });
      await server.line((line) => server.lines.indexOf(line) >= taken && /Body: …|body: …/.test(line.msg));
      await server.line((line) => server.lines.indexOf(line) >= taken && line.msg.includes('" 400 -'));
    }
    expect(JSON.stringify(server.lines)).not.toContain('classified');
  });

  test('runs beside another as far as there are slots', async () => {
    let short: Promise<Response> | undefined;
    let answered = false;
    const long = await stream(
      server.url,
      'go',
      { model: 'endless' },
      {
        onData: (body, hangUp) => {
          if (!body.includes(' and') || short) return;
          short = chat(server.url, 'go', { model: 'endless', max_tokens: 3 });
          void short.then(({ status }) => {
            answered = status === 200;
            hangUp();
          });
        },
      },
    );
    expect(answered).toBe(true);
    expect(long.done).toBe(false);
  });
});
