import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { chat, stream } from '../chat.ts';
import { writeScriptedMlx } from '../scripted/mlx.ts';
import { folder, type RunningServer, serve } from '../server.ts';
import { describeMlx, mlxConfig, mlxModel } from './engine.ts';

const called = (text: string): readonly string[] => [
  '<think>',
  'look',
  '</think>',
  '<tool_call>',
  text,
  '</tool_call>',
];
const tools = [{ type: 'function', function: { name: 'weather', parameters: { type: 'object' } } }];

describeMlx('a tool call of a model in mlx_lm.server', () => {
  let directory: string;
  let server: RunningServer;
  beforeAll(async () => {
    directory = await folder({});
    const template = await readFile(new URL('../scripted/chat_template.jinja', import.meta.url), 'utf8');
    // The words by which the engine recognises a template whose calls it reads itself.
    const recognised = `${template}{#- tool_call.name -#}`;
    const call = called('{"name": "weather", "arguments": {"city": "京"}}');
    const scripts = {
      engine: { chain: call, template: recognised },
      core: { chain: call, template },
      babbles: { chain: called('{"name": weather'), template: recognised },
    };
    for (const [name, script] of Object.entries(scripts)) await writeScriptedMlx(join(directory, name), script);
    server = await serve(mlxConfig(...Object.keys(scripts).map((name) => mlxModel(name, join(directory, name)))));
  });
  afterAll(async () => {
    await server?.stop();
    await rm(directory, { recursive: true });
  });

  test.each([
    'engine',
    'core',
  ])('is read by the %s, with its reasoning before it, plain and streamed', async (model) => {
    const plain = await (await chat(server.url, 'go', { model, tools })).json();
    const call = { function: { name: 'weather', arguments: '{"city": "京"}' } };
    expect(plain).toMatchObject({
      choices: [{ finish_reason: 'tool_calls', message: { reasoning_content: 'look', tool_calls: [call] } }],
    });
    const streamed = await stream(server.url, 'go', { model, tools });
    const deltas = streamed.events.flatMap(({ choices }) => choices?.map(({ delta }) => delta) ?? []);
    const pieces = deltas.flatMap(({ tool_calls }) => tool_calls ?? []);
    expect(pieces.map((piece) => piece.function.arguments ?? '').join('')).toBe('{"city": "京"}');
    expect(streamed.events.at(-1)?.choices?.[0]?.finish_reason).toBe('tool_calls');
  });

  test('that cannot be read is a 502 that says so', async () => {
    const response = await chat(server.url, 'go', { model: 'babbles', tools });
    expect(response.status).toBe(502);
    expect(await response.text()).toContain('the model wrote a tool call that mlx_lm.server could not read');
  });
});
