import type { Tool } from '@backplane/core/sdk';
import { ToolCallParser } from '@backplane/core/text';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { failure, type Running, start } from './setup.ts';

let model: Running;
beforeAll(async () => {
  model = await start();
});
afterAll(() => model.instance.unload());

function tool(name: string, properties: object, required: readonly string[] = Object.keys(properties)): Tool {
  return {
    type: 'function',
    function: { name, description: name, parameters: { type: 'object', properties, required } },
  };
}
const weather = tool('get_weather', { city: { type: 'string', maxLength: 20 } });
const add = tool('add', { a: { type: 'integer' }, b: { type: 'integer' } });
const tools = [weather, add];
const named = (name: string) => ({ type: 'function' as const, function: { name } });

function call(text: string): { name: string; arguments: Record<string, unknown> } {
  const [, json] = /<tool_call>\n(\{[\s\S]*\})\n<\/tool_call>$/.exec(text) ?? [];
  return JSON.parse(json ?? '');
}

test('left to itself, the model calls the tool that the question needs', async () => {
  const { text } = await model.chat('What is the weather in Paris?', { tools });
  expect(call(text)).toEqual({ name: 'get_weather', arguments: { city: 'Paris' } });
});

test('a named function is called, with arguments of its schema, though the question asks for another', async () => {
  const { text, finish } = await model.chat('What is the weather in Paris?', { tools, tool_choice: named('add') });
  const made = call(text);
  expect(made.name).toBe('add');
  expect(Object.values(made.arguments).every(Number.isInteger)).toBe(true);
  expect(Object.keys(made.arguments)).toEqual(['a', 'b']);
  expect(finish).toBe('stop');
});

test('`required` makes a call where there would have been words', async () => {
  const quiet = { chat_template_kwargs: { enable_thinking: false } };
  const { text } = await model.chat('Who are you?', { tools, tool_choice: 'required', ...quiet });
  expect(text.startsWith('<tool_call>\n{')).toBe(true);
  expect(['get_weather', 'add']).toContain(call(text).name);
});

test('the core reads the forced call as a call', async () => {
  const { text } = await model.chat('Who are you?', {
    tools,
    tool_choice: 'required',
    chat_template_kwargs: { enable_thinking: false },
  });
  const parser = new ToolCallParser();
  const events = [...parser.push(text), ...parser.flush()];
  expect(events[0]).toMatchObject({ type: 'tool_call', index: 0 });
});

test('the model may think before a call that it must make', async () => {
  const { text } = await model.chat('What is the weather in Paris?', { tools, tool_choice: 'required' });
  expect(text).toMatch(/^<think>\n[^<]+\n<\/think>\n\n<tool_call>/);
});

test('a function that is not among the tools is refused', async () => {
  const error = await failure(model.chat('hello', { tools, tool_choice: named('nope') }));
  expect(error).toMatchObject({ code: 'invalid_request', param: 'tool_choice' });
});

test('a parameter schema that cannot be enforced is refused where a call is forced, and only there', async () => {
  const strict = tool('strict', { id: { type: 'string', pattern: '^x' } });
  const request = { tools: [weather, strict], max_tokens: 5 };
  const error = await failure(model.chat('hello', { ...request, tool_choice: 'required' }));
  expect(error).toMatchObject({ code: 'unsupported_parameter', param: 'tools.1.function.parameters' });
  expect((await model.chat('hello', request)).usage.completionTokens).toBe(5);
});
