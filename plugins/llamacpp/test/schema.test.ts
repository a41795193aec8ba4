import type { ChatRequest } from '@backplane/core/sdk';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { failure, type Running, start, startScripted } from './setup.ts';

let model: Running;
beforeAll(async () => {
  model = await start();
});
afterAll(() => model.instance.unload());

function format(schema: object): Partial<ChatRequest> {
  const response_format = { type: 'json_schema' as const, json_schema: { name: 'answer', schema: { ...schema } } };
  return { response_format, chat_template_kwargs: { enable_thinking: false } };
}

/** Answers drawn at random, so that the grammar and not the model makes them valid. */
async function answers(schema: object): Promise<unknown[]> {
  const made = [];
  for (let seed = 0; seed < 8; seed++) {
    const { text, finish } = await model.chat('JSON please', {
      ...format(schema),
      temperature: 1.5,
      seed,
      max_tokens: 400,
    });
    if (finish === 'stop') made.push(JSON.parse(text));
  }
  expect(made.length).toBeGreaterThan(0);
  return made;
}

const person = z.strictObject({
  kind: z.literal('person'),
  name: z.string().max(12),
  nickname: z.string().max(8).nullable(),
  level: z.enum(['low', 'high']),
  scores: z.array(z.number()).min(1).max(3),
  home: z.union([z.strictObject({ city: z.string().max(8) }), z.null()]),
  active: z.boolean().optional(),
});

test('answers to a zod schema pass that schema', async () => {
  for (const answer of await answers(z.toJSONSchema(person))) expect(person.safeParse(answer).error).toBeUndefined();
});

test('answers to a schema in the form of Pydantic follow its definitions', async () => {
  const schema = {
    title: 'Order',
    type: 'object',
    $defs: {
      Item: {
        title: 'Item',
        type: 'object',
        properties: {
          id: { title: 'Id', type: 'integer' },
          note: { anyOf: [{ type: 'string', maxLength: 6 }, { type: 'null' }], default: null },
        },
        required: ['id'],
      },
    },
    properties: {
      first: { allOf: [{ $ref: '#/$defs/Item' }], description: 'the first' },
      when: { type: 'string', format: 'date' },
    },
    required: ['first', 'when'],
  };
  const order = z.strictObject({
    first: z.strictObject({ id: z.int(), note: z.string().max(6).nullable().optional() }),
    when: z.iso.date(),
  });
  for (const answer of await answers(schema)) expect(order.safeParse(answer).error).toBeUndefined();
});

test('optional properties may be left out, in every combination', async () => {
  const schema = z.strictObject({ a: z.literal(1).optional(), b: z.literal(2).optional(), c: z.literal(3).optional() });
  const made = await answers(z.toJSONSchema(schema));
  for (const answer of made) expect(schema.safeParse(answer).error).toBeUndefined();
  expect(new Set(made.map((answer) => JSON.stringify(answer))).size).toBeGreaterThan(1);
});

test('a schema that refers to itself ends', async () => {
  const schema = {
    $defs: {
      node: {
        type: 'object',
        properties: { next: { anyOf: [{ $ref: '#/$defs/node' }, { type: 'null' }] } },
        required: ['next'],
      },
    },
    $ref: '#/$defs/node',
  };
  interface Node {
    next: Node | null;
  }
  const node: z.ZodType<Node> = z.strictObject({ next: z.lazy(() => node.nullable()) });
  for (const answer of await answers(schema)) expect(node.safeParse(answer).error).toBeUndefined();
});

test('tuples, counts and one-of branches that exclude each other are kept', async () => {
  const schema = {
    type: 'array',
    prefixItems: [{ type: 'boolean' }, { oneOf: [{ type: 'integer' }, { const: 'none' }] }],
    items: { enum: ['x', 'y'] },
    minItems: 2,
    maxItems: 4,
  };
  const tuple = z.union([z.tuple([z.boolean(), z.union([z.int(), z.literal('none')])]).rest(z.enum(['x', 'y']))]);
  for (const answer of await answers(schema)) {
    expect(tuple.safeParse(answer).error).toBeUndefined();
    expect((answer as unknown[]).length).toBeLessThanOrEqual(4);
  }
});

test('json_object makes an object', async () => {
  const request = { ...format({}), response_format: { type: 'json_object' as const } };
  const { text, finish } = await model.chat('Give me JSON with the status', { ...request, max_tokens: 300 });
  if (finish === 'stop') expect(JSON.parse(text)).toBeTypeOf('object');
  expect(text).toMatch(/^\{/);
});

test('with thinking on, the answer is constrained and the thinking is not', async () => {
  const schema = z.strictObject({ ok: z.boolean() });
  const request = { ...format(z.toJSONSchema(schema)), chat_template_kwargs: {} };
  const { text } = await model.chat('Who are you?', request);
  const [, thought, answer] = /^<think>\n([\s\S]*)\n<\/think>\n{0,2}(\{[\s\S]*)$/.exec(text) ?? [];
  expect(thought).toMatch(/The user asks/);
  expect(schema.safeParse(JSON.parse(answer ?? '')).success).toBe(true);
});

test('a model that would never stop is stopped when the value closes', async () => {
  const scripted = await startScripted({ chain: ['{"a":', ' 1}', 'tail'], loop: true });
  const { text, finish } = await scripted.chat(
    'hello',
    format({ type: 'object', properties: { a: { const: 1 } }, required: ['a'] }),
  );
  expect(text).toBe('{"a": 1}');
  expect(finish).toBe('stop');
});

const at = (path: string) => new RegExp(path.replaceAll('.', '\\.').replaceAll('$', '\\$'));

test.each([
  ['properties.a.pattern', { type: 'object', properties: { a: { type: 'string', pattern: '^(a+)+$' } } }],
  ['properties.a.minimum', { type: 'object', properties: { a: { type: 'integer', minimum: 3 } } }],
  ['not', { not: { type: 'string' } }],
  ['if', { type: 'object', if: {}, properties: {} }],
  ['items.uniqueItems', { type: 'array', items: { type: 'array', uniqueItems: true } }],
  ['patternProperties', { type: 'object', patternProperties: { a: {} } }],
  ['allOf', { allOf: [{ type: 'object' }, { type: 'object' }] }],
  ['oneOf', { oneOf: [{ type: 'object' }, { type: 'object', properties: {} }] }],
  ['format', { type: 'string', format: 'regex' }],
  ['$ref', { $ref: '#/$defs/missing' }],
  ['$ref', { $ref: 'https://example.com/schema.json' }],
  ['type', { type: 'strng' }],
  ['maxLength', { type: 'string', maxLength: 1_000_000 }],
  ['minItems', { type: 'array', minItems: 3, maxItems: 0 }],
])('%s is refused by its name, never dropped', async (path, schema) => {
  const error = await failure(model.chat('hello', format(schema)));
  expect(error).toMatchObject({ code: 'unsupported_parameter', param: 'response_format.json_schema.schema' });
  expect(error.message).toMatch(at(path));
});

test('schemas that are too deep, too large, or refer in a circle are refused', async () => {
  let deep: object = { type: 'string' };
  for (let i = 0; i < 40; i++) deep = { type: 'array', items: deep };
  const large = { enum: Array.from({ length: 10_000 }, (_, i) => `value ${i}`) };
  const circle = { $defs: { a: { $ref: '#/$defs/a' } }, $ref: '#/$defs/a' };
  for (const schema of [deep, large, circle]) {
    expect(await failure(model.chat('hello', format(schema)))).toMatchObject({ code: 'unsupported_parameter' });
  }
});

test('a schema that takes ever longer to read is given up, and the model goes on serving', async () => {
  const branch = { type: 'array', items: { $ref: '#/$defs/a' }, minItems: 1 };
  const schema = { $defs: { a: { anyOf: [branch, { ...branch, maxItems: 3 }] } }, $ref: '#/$defs/a' };
  const error = await failure(model.chat('hello', format(schema)));
  expect(error).toMatchObject({ code: 'invalid_request', param: 'response_format' });
  expect((await model.chat('Who are you?', { max_tokens: 5 })).usage.completionTokens).toBe(5);
});
