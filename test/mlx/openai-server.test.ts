import { existsSync, readFileSync, statSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { chat, stream } from '../chat.ts';
import { writeScriptedMlx } from '../scripted/mlx.ts';
import { scriptedAnswer, scriptedReasoning, scriptedText } from '../scripted/model.ts';
import { folder, type LogLine, type RunningServer, serve } from '../server.ts';
import { describeOpenaiServer, engines, mlxConfig, secondsOf, serverModel, tinyMlx, until } from './engine.ts';

interface Answer {
  readonly choices: readonly [
    { readonly message: { readonly content: string; readonly reasoning_content?: string }; finish_reason: string },
  ];
  readonly usage: { readonly prompt_tokens: number; readonly completion_tokens: number };
}

const call = ['<think>', 'look', '</think>', '<tool_call>', '{"name": "weather", "arguments": {}}', '</tool_call>'];
const refuses = `{%- if messages[0].content == 'no' %}{{ raise_exception('not in this house') }}{% endif -%}`;

const isReady = ({ msg, model }: LogLine): boolean => model === 'endless' && msg === 'mlx-openai-server is ready';

describeOpenaiServer('a model in mlx-openai-server', () => {
  let directory: string;
  let server: RunningServer;
  beforeAll(async () => {
    directory = await folder({});
    const at = (name: string): string => join(directory, name);
    const template = await readFile(new URL('../scripted/chat_template.jinja', import.meta.url), 'utf8');
    await writeScriptedMlx(at('scripted'), { template: refuses + template });
    await writeScriptedMlx(at('endless'), { chain: [' on', ' and'], loop: true, contextLength: 10_000_000 });
    await writeScriptedMlx(at('calls'), { chain: call });
    server = await serve(
      mlxConfig(
        serverModel('m', 'lm', at('scripted')),
        serverModel('raw', 'lm', at('scripted'), '', 'reasoning: raw'),
        serverModel('hidden', 'lm', at('scripted'), '', 'reasoning: hidden'),
        serverModel('endless', 'lm', at('endless')),
        serverModel('calls', 'lm', at('calls')),
      ),
    );
  }, 300_000);
  afterAll(async () => {
    await server?.stop();
    await rm(directory, { recursive: true });
  });

  test.each([
    ['m', scriptedAnswer, scriptedReasoning],
    ['raw', scriptedText, undefined],
    ['hidden', scriptedAnswer, undefined],
  ])('says what it says in llama.cpp and mlx-lm, plain and streamed (%s)', async (model, content, reasoning) => {
    const { choices, usage } = (await (await chat(server.url, 'go', { model })).json()) as Answer;
    expect(choices[0].message.content).toBe(content);
    expect(choices[0].message.reasoning_content).toBe(reasoning);
    expect(choices[0].finish_reason).toBe('stop');
    const streamed = await stream(server.url, 'go', { model, stream_options: { include_usage: true } });
    expect(streamed).toMatchObject({ text: content, done: true, whole: true });
    expect(streamed.events.at(-1)?.usage).toMatchObject(usage);
  });

  test('that was cut says length, where its engine says stop', async () => {
    const { choices, usage } = (await (await chat(server.url, 'go', { model: 'raw', max_tokens: 3 })).json()) as Answer;
    expect(choices[0].finish_reason).toBe('length');
    expect(usage.completion_tokens).toBe(3);
  });

  test('ends before a stop string', async () => {
    const { choices } = (await (await chat(server.url, 'go', { stop: ['ver rea'] })).json()) as Answer;
    expect(choices[0].message.content).toBe('你好 世界 ser');
  });

  test('calls tools, read by the core', async () => {
    const tools = [{ type: 'function', function: { name: 'weather', parameters: { type: 'object' } } }];
    expect(await (await chat(server.url, 'go', { model: 'calls', tools })).json()).toMatchObject({
      choices: [{ finish_reason: 'tool_calls', message: { tool_calls: [{ function: { name: 'weather' } }] } }],
    });
  });

  // The engine itself looks for that only while no token comes.
  test.each([true, false])('stops computing when its client leaves (stream: %s)', async (streamed) => {
    const engine = engines(server).find(({ pid }) => pid === server.lines.find(isReady)?.pid);
    const group = engine?.group as number;
    const leave = new AbortController();
    const gone = chat(server.url, 'go', { model: 'endless', stream: streamed }, { signal: leave.signal })
      .then((response) => response.text())
      .catch(() => {});
    await until(async () => (await secondsOf(group)) > 1.5);
    leave.abort();
    await gone;
    // It would go on for ten million tokens.
    await until(async () => (await secondsOf(group)) < 1.5);
    const next = await chat(server.url, 'go', { model: 'endless', max_tokens: 3 });
    expect(await next.json()).toMatchObject({ choices: [{ finish_reason: 'length' }] });
  });

  test('is asked for by its folder as little as by any other name', async () => {
    expect((await chat(server.url, 'go', { model: tinyMlx })).status).toBe(404);
  });

  test.each([
    'seed',
    'response_format',
    'logprobs',
  ])('refuses %s, which its engine would take and do nothing with', async (name) => {
    const value = { seed: 7, response_format: { type: 'json_object' }, logprobs: true }[name];
    const response = await chat(server.url, 'go', { [name]: value });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { code: 'unsupported_parameter', param: name } });
  });

  test('whose chat template refuses the messages is a 400, where its engine says 200 and stop', async () => {
    for (const streamed of [false, true]) {
      const response = await chat(server.url, 'no', { stream: streamed });
      expect(response.status).toBe(400);
      expect(await response.text()).toContain('not in this house');
    }
  });

  test('has its configuration to itself: readable by nobody else, with no parser, on a port of the loopback interface', () => {
    const [engine] = engines(server);
    const file = /--config (\S+)/.exec(engine?.command ?? '')?.[1] as string;
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const { server: its, models } = JSON.parse(readFileSync(file, 'utf8')) as {
      readonly server: object;
      readonly models: readonly object[];
    };
    expect(its).toMatchObject({ host: '127.0.0.1', no_log_file: true });
    expect(models).toHaveLength(1);
    expect(models[0]).not.toHaveProperty('reasoning_parser');
    expect(models[0]).not.toHaveProperty('max_concurrency');
  });

  test('lets no web page read what it says', async () => {
    const [engine] = engines(server);
    const file = /--config (\S+)/.exec(engine?.command ?? '')?.[1] as string;
    const { port } = (JSON.parse(readFileSync(file, 'utf8')) as { readonly server: { readonly port: number } }).server;
    const response = await fetch(`http://127.0.0.1:${port}/health`, { headers: { origin: 'https://example.org' } });
    expect(response.status).toBe(200);
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
  });

  test('leaves no file behind', async () => {
    const other = await serve(mlxConfig(serverModel('m', 'lm', join(directory, 'scripted'))));
    const [engine] = engines(other);
    const file = /--config (\S+)/.exec(engine?.command ?? '')?.[1] as string;
    expect(await other.stop()).toEqual({ code: 0, signal: null });
    expect(existsSync(join(file, '..'))).toBe(false);
  });

  test('logs no prompt, even of what goes wrong, although its engine does', async () => {
    const [engine] = engines(server);
    const file = /--config (\S+)/.exec(engine?.command ?? '')?.[1] as string;
    const { port } = (JSON.parse(readFileSync(file, 'utf8')) as { readonly server: { readonly port: number } }).server;
    const taken = server.lines.length;
    const messages = [{ role: 'user', content: 'classified' }];
    const ask = (more: object): Promise<Response> =>
      fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model: 'm', messages, ...more }),
      });
    await (await ask({ logit_bias: { classified: 1 } })).text();
    expect((await ask({ temperature: 'classified' })).status).toBe(422);
    await server.line((line) => server.lines.indexOf(line) >= taken && / 422 /.test(line.msg));
    expect(server.lines.filter((line) => JSON.stringify(line).includes('classified'))).toEqual([]);
    // No colours, no blank lines, no pieces of tracebacks.
    const said = server.lines.slice(taken).flatMap(({ msg }) => /^mlx-openai-server: (.*)/.exec(msg)?.[1] ?? []);
    expect(said.filter((line) => !/^(\d{4}-\d\d-\d\d |INFO: |WARNING: |ERROR: )/.test(line))).toEqual([]);
  });
});
