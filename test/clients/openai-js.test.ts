import OpenAI from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import type {
  ChatCompletionChunk,
  ChatCompletionCreateParamsNonStreaming,
  ChatCompletionFunctionTool,
  ChatCompletionMessageParam,
} from 'openai/resources/chat/completions';
import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { RunningServer } from '../server.ts';
import { serveModels } from './served.ts';

let server: RunningServer;
let client: OpenAI;

beforeAll(async () => {
  server = await serveModels();
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'unused', maxRetries: 0 });
});

const poem = 'Write a poem';
const answer = /^Spring comes softly to the hill,\n/;
const user = (content: string): ChatCompletionMessageParam[] => [{ role: 'user', content }];
/** Backplane's and vLLM's parameter, which the SDK's types do not know. */
const quiet = { enable_thinking: false } as object;

const weather: ChatCompletionFunctionTool = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'Get the current weather of a city',
    parameters: {
      type: 'object',
      properties: { city: { type: 'string', description: 'City name' } },
      required: ['city'],
    },
  },
};

async function chat(more: Partial<ChatCompletionCreateParamsNonStreaming> & object = {}) {
  return client.chat.completions.create({ model: 'tiny', messages: user(poem), ...more });
}

async function chunks(more: object = {}, content = poem): Promise<ChatCompletionChunk[]> {
  const stream = await client.chat.completions.create({
    model: 'tiny',
    messages: user(content),
    stream: true,
    ...more,
  });
  const all: ChatCompletionChunk[] = [];
  for await (const chunk of stream) all.push(chunk);
  return all;
}

const textOf = (all: readonly ChatCompletionChunk[]) =>
  all.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('');

describe('a chat', () => {
  test('is answered whole, with its usage and a request id', async () => {
    const completion = await chat();
    expect(completion.object).toBe('chat.completion');
    expect(completion.model).toBe('tiny');
    expect(completion.choices[0]?.message.content).toMatch(answer);
    expect(completion.choices[0]?.finish_reason).toBe('stop');
    const { prompt_tokens, completion_tokens, total_tokens } = completion.usage as OpenAI.CompletionUsage;
    expect(prompt_tokens).toBeGreaterThan(0);
    expect(total_tokens).toBe(prompt_tokens + completion_tokens);
    const line = await server.line(({ request }) => request === completion._request_id);
    expect(line).toMatchObject({ outcome: 'ok', prompt_tokens, completion_tokens });
  });

  test('streamed gives the same text, in many chunks of one id', async () => {
    const all = await chunks();
    expect(textOf(all)).toBe((await chat()).choices[0]?.message.content);
    expect(all.length).toBeGreaterThan(10);
    expect(new Set(all.map(({ id }) => id)).size).toBe(1);
    expect(all[0]?.choices[0]?.delta.role).toBe('assistant');
    expect(all.at(-1)?.choices[0]?.finish_reason).toBe('stop');
  });

  test('streamed through .stream() ends in a final completion', async () => {
    const stream = client.chat.completions.stream({ model: 'tiny', messages: user(poem) });
    let seen = '';
    stream.on('content', (delta) => {
      seen += delta;
    });
    const completion = await stream.finalChatCompletion();
    expect(completion.choices[0]?.message.content).toBe(seen);
    expect(seen).toMatch(answer);
  });

  test('streamed with include_usage ends with a chunk that has the usage and no choices', async () => {
    const all = await chunks({ stream_options: { include_usage: true } });
    const last = all.at(-1);
    expect(last?.choices).toEqual([]);
    expect(last?.usage).toEqual({
      ...(await chat()).usage,
      // The second of two equal prompts finds the first one's tokens.
      prompt_tokens_details: { cached_tokens: expect.any(Number) },
    });
    expect(all.slice(0, -1).every(({ usage }) => usage === null)).toBe(true);
  });

  test('with n: 2 gives two choices, and bills the prompt once', async () => {
    const one = await chat({ ...quiet });
    const two = await chat({ n: 2, ...quiet });
    expect(two.choices.map(({ index }) => index)).toEqual([0, 1]);
    for (const { message } of two.choices) expect(message.content).toMatch(answer);
    expect(two.usage?.prompt_tokens).toBe(one.usage?.prompt_tokens);
    expect(two.usage?.completion_tokens).toBe(2 * (one.usage?.completion_tokens as number));
  });

  test('streamed with n: 2 says of each chunk which choice it belongs to', async () => {
    const texts = ['', ''];
    for (const { choices } of await chunks({ n: 2, ...quiet })) {
      for (const { index, delta } of choices) texts[index] += delta.content ?? '';
    }
    for (const text of texts) expect(text).toMatch(answer);
  });

  test('ends before a stop string', async () => {
    const { choices } = await chat({ messages: user('Count from 1 to 20'), stop: [' 10', 'never'], ...quiet });
    expect(choices[0]?.message.content).toBe('1 2 3 4 5 6 7 8 9');
    expect(choices[0]?.finish_reason).toBe('stop');
    expect(textOf(await chunks({ stop: ' 10', ...quiet }, 'Count from 1 to 20'))).toBe('1 2 3 4 5 6 7 8 9');
  });

  test('ends at max_tokens and at max_completion_tokens', async () => {
    for (const limit of [{ max_tokens: 3 }, { max_completion_tokens: 3 }]) {
      const { choices, usage } = await chat({ ...limit, ...quiet });
      expect(choices[0]?.finish_reason).toBe('length');
      expect(usage?.completion_tokens).toBe(3);
    }
  });

  test('with a seed is repeated word for word, and another seed changes it', async () => {
    const say = async (seed: number) =>
      (await chat({ seed, temperature: 2, max_tokens: 40, ...quiet })).choices[0]?.message.content;
    expect(await say(1)).toBe(await say(1));
    expect(await say(2)).not.toBe(await say(1));
  });

  test('shows the log probabilities of its tokens, whole and streamed', async () => {
    const asked = { logprobs: true, top_logprobs: 2, max_tokens: 5, ...quiet };
    const { choices } = await chat(asked);
    const shown = choices[0]?.logprobs?.content ?? [];
    expect(shown).toHaveLength(5);
    expect(shown.map(({ token }) => token).join('')).toBe(choices[0]?.message.content);
    for (const { token, logprob, top_logprobs } of shown) {
      expect(logprob).toBeLessThanOrEqual(0);
      expect(top_logprobs).toHaveLength(2);
      expect(top_logprobs[0]).toMatchObject({ token, logprob });
    }
    const streamed = (await chunks(asked)).flatMap((chunk) => chunk.choices[0]?.logprobs?.content ?? []);
    expect(streamed.map(({ token }) => token)).toEqual(shown.map(({ token }) => token));
  });
});

describe('thinking', () => {
  const thought = 'The user asks about poem. I know this, so I answer briefly.';
  const message = async (model: string) => (await chat({ model })).choices[0]?.message as { content: string };
  const delta = (all: readonly ChatCompletionChunk[]) =>
    all.map((chunk) => (chunk.choices[0]?.delta as { reasoning_content?: string }).reasoning_content ?? '').join('');

  test('stands beside the content where the model says reasoning: separate', async () => {
    expect(await message('tiny')).toMatchObject({ content: expect.stringMatching(answer), reasoning_content: thought });
    expect(delta(await chunks())).toBe(thought);
  });

  test('stands in the content, with its tags, where the model says reasoning: raw', async () => {
    const { content } = await message('tiny-raw');
    expect(content.startsWith(`<think>\n${thought}\n</think>\n\nSpring comes`)).toBe(true);
    expect(textOf(await chunks({ model: 'tiny-raw' }))).toBe(content);
    expect(await message('tiny-raw')).not.toHaveProperty('reasoning_content');
  });

  test('is not shown where the model says reasoning: hidden', async () => {
    const hidden = await message('tiny-hidden');
    expect(hidden.content).toMatch(answer);
    expect(hidden).not.toHaveProperty('reasoning_content');
    const all = await chunks({ model: 'tiny-hidden' });
    expect(textOf(all)).toMatch(answer);
    expect(delta(all)).toBe('');
  });
});

describe('tools', () => {
  const asked = { messages: user('What is the weather in Paris?'), tools: [weather] };
  /** The model sees that it is sunny; it is too small to copy every number. */
  const told = /^It is \d+ degrees and sunny in Paris\.$/;

  test('are called, and their result is told', async () => {
    const first = await chat(asked);
    const called = first.choices[0];
    expect(called?.finish_reason).toBe('tool_calls');
    const [call] = called?.message.tool_calls ?? [];
    if (!called || call?.type !== 'function') return expect.fail('no function was called');
    expect(call.function.name).toBe('get_weather');
    expect(JSON.parse(call.function.arguments)).toEqual({ city: 'Paris' });
    const content = JSON.stringify({ city: 'Paris', temp_c: 21, sky: 'sunny' });
    const second = await chat({
      ...asked,
      messages: [...asked.messages, called.message, { role: 'tool', tool_call_id: call.id, content }],
    });
    expect(second.choices[0]?.message.content).toMatch(told);
    expect(second.choices[0]?.finish_reason).toBe('stop');
  });

  test('streamed arrive as deltas that add up to the call', async () => {
    const all = await chunks(asked, 'What is the weather in Paris?');
    const deltas = all.flatMap((chunk) => chunk.choices[0]?.delta.tool_calls ?? []);
    expect(deltas.filter(({ id }) => id !== undefined)).toHaveLength(1);
    expect(deltas[0]).toMatchObject({ index: 0, type: 'function', function: { name: 'get_weather' } });
    expect(JSON.parse(deltas.map((delta) => delta.function?.arguments ?? '').join(''))).toEqual({ city: 'Paris' });
    expect(all.at(-1)?.choices[0]?.finish_reason).toBe('tool_calls');
  });

  test('are run by the SDK itself, over as many requests as it takes', async () => {
    const cities: string[] = [];
    const runner = client.chat.completions.runTools({
      model: 'tiny',
      messages: asked.messages,
      tools: [
        {
          type: 'function',
          function: {
            name: 'get_weather',
            description: 'Get the current weather of a city',
            parameters: { ...weather.function.parameters },
            parse: JSON.parse,
            function: ({ city }: { city: string }) => {
              cities.push(city);
              return JSON.stringify({ city, temp_c: 21, sky: 'sunny' });
            },
          },
        },
      ],
    });
    expect(await runner.finalContent()).toMatch(told);
    expect(cities).toEqual(['Paris']);
  });

  test('can be required and forbidden', async () => {
    const forced = await chat({ ...asked, messages: user('你好'), tool_choice: 'required' });
    expect(forced.choices[0]?.message.tool_calls?.[0]).toMatchObject({ function: { name: 'get_weather' } });
    const none = await chat({ ...asked, tool_choice: 'none' });
    expect(none.choices[0]?.message.tool_calls).toBeUndefined();
  });
});

describe('a response format', () => {
  const Capital = z.object({ country: z.string(), capital: z.string() });
  const question = user('Return the capital of France as JSON');

  test('made of a zod schema is parsed into its type', async () => {
    const completion = await client.chat.completions.parse({
      model: 'tiny',
      messages: question,
      response_format: zodResponseFormat(Capital, 'capital'),
    });
    expect(completion.choices[0]?.message.parsed).toEqual({ country: 'France', capital: 'Paris' });
  });

  test('is kept even where the model would say something else', async () => {
    const completion = await client.chat.completions.parse({
      model: 'tiny',
      messages: user(poem),
      response_format: zodResponseFormat(z.object({ mood: z.enum(['glad', 'sad']), lines: z.literal(4) }), 'poem'),
    });
    expect(completion.choices[0]?.message.parsed).toEqual({ mood: expect.stringMatching(/^(glad|sad)$/), lines: 4 });
  });

  test('json_object gives an object', async () => {
    const { choices } = await chat({ messages: question, response_format: { type: 'json_object' } });
    expect(JSON.parse(choices[0]?.message.content as string)).toEqual({ country: 'France', capital: 'Paris' });
  });
});

describe('a completion', () => {
  test('continues a text, whole and streamed', async () => {
    const prompt = '<|im_start|>user\nWrite a poem<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n';
    const { choices, usage } = await client.completions.create({ model: 'tiny', prompt, max_tokens: 8 });
    expect(choices[0]?.finish_reason).toBe('length');
    expect(usage?.completion_tokens).toBe(8);
    let text = '';
    const stream = await client.completions.create({ model: 'tiny', prompt, max_tokens: 8, stream: true });
    for await (const chunk of stream) text += chunk.choices[0]?.text ?? '';
    expect(text).toBe(choices[0]?.text);
    expect(text.length).toBeGreaterThan(0);
  });
});

describe('embeddings', () => {
  const input = ['hello world', '你好'];

  test('are the same vectors in the base64 that the SDK asks for by default and as floats', async () => {
    const packed = await client.embeddings.create({ model: 'tiny', input });
    const plain = await client.embeddings.create({ model: 'tiny', input, encoding_format: 'float' });
    expect(packed.data.map(({ embedding }) => embedding)).toEqual(plain.data.map(({ embedding }) => embedding));
    expect(plain.data.map(({ index }) => index)).toEqual([0, 1]);
    for (const { embedding } of plain.data) {
      expect(embedding).toHaveLength(192);
      expect(Math.hypot(...embedding)).toBeCloseTo(1, 4);
    }
    expect(plain.usage.total_tokens).toBe(plain.usage.prompt_tokens);
  });
});

describe('the models', () => {
  test('are listed under their ids and aliases', async () => {
    const names: string[] = [];
    for await (const model of client.models.list()) names.push(model.id);
    expect(names).toEqual(['tiny', 'org/tiny', 'tiny-raw', 'tiny-hidden', 'endless', 'busy']);
  });

  test('are retrieved one by one, also by a name with a slash in it, which then is the reply’s', async () => {
    expect(await client.models.retrieve('tiny')).toMatchObject({ id: 'tiny', object: 'model' });
    expect(await client.models.retrieve('org/tiny')).toMatchObject({ id: 'org/tiny', object: 'model' });
    expect((await chat({ model: 'org/tiny' })).model).toBe('org/tiny');
  });
});
