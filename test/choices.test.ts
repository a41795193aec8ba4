import { afterAll, beforeAll, expect, test } from 'vitest';
import { chat, stream } from './chat.ts';
import { puppet, puppetConfig } from './puppet.ts';
import { type RunningServer, serve } from './server.ts';

let server: RunningServer;
beforeAll(async () => {
  server = await serve(puppetConfig('isolation: inline\ndefaults: { max_tokens: 9 }', '{ slots: 16 }'), {
    files: { 'puppet.ts': puppet },
  });
});
afterAll(() => server.stop());

const tools = [{ type: 'function', function: { name: 'f' } }];

test('n answers come as n choices, and usage counts their prompt once', async () => {
  const answer = (await (await chat(server.url, 'count 3', { n: 4 })).json()) as Record<string, unknown>;
  expect(answer.choices).toMatchObject([0, 1, 2, 3].map((index) => ({ index, message: { content: '1 2 3 ' } })));
  expect(answer.usage).toMatchObject({ prompt_tokens: 10, completion_tokens: 12, total_tokens: 22 });
});

test('a streamed answer carries usage in a last chunk of its own when asked for, and null before', async () => {
  const answer = await stream(server.url, 'count 3', { stream_options: { include_usage: true } });
  expect(answer.events.slice(0, -1).every(({ usage }) => usage === null)).toBe(true);
  expect(answer.events.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 10, completion_tokens: 3 } });
});

test("the model's default applies when the request says nothing, under either name of the parameter", async () => {
  const said = async (more: object) =>
    ((await (await chat(server.url, 'count 20', more)).json()) as { usage: { completion_tokens: number } }).usage
      .completion_tokens;
  expect(await said({})).toBe(9);
  expect(await said({ max_tokens: 2 })).toBe(2);
  expect(await said({ max_completion_tokens: 3 })).toBe(3);
});

test('parallel_tool_calls: false ends the answer after the first call', async () => {
  const calls = async (more: object) => {
    const { choices } = (await (await chat(server.url, 'call', { tools, ...more })).json()) as {
      choices: [{ message: { tool_calls: object[] }; finish_reason: string }];
    };
    return [choices[0].message.tool_calls.length, choices[0].finish_reason];
  };
  expect(await calls({})).toEqual([2, 'tool_calls']);
  expect(await calls({ parallel_tool_calls: false })).toEqual([1, 'tool_calls']);
});

test('a stop string ends the answer before it, also where it spans two tokens', async () => {
  const answer = await stream(server.url, 'say one two three', {
    stop: 'e tw',
    stream_options: { include_usage: true },
  });
  expect(answer).toMatchObject({ text: 'on', done: true, whole: true });
  expect(answer.events.at(-2)?.choices?.[0]?.finish_reason).toBe('stop');
  expect(answer.events.at(-1)?.usage).toMatchObject({ prompt_tokens: 10, completion_tokens: 2 });
});
