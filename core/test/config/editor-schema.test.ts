// biome-ignore-all lint/suspicious/noExplicitAny: a JSON Schema is walked by hand
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax under test

import { expect, test } from 'vitest';
import { type Boot, jsonSchema } from '../../src/boot.ts';
import { booted } from './booted.ts';
import { backendSource } from './files.ts';

const yaml = `
plugins:
  - use: ./echo.ts
models:
  - id: a
    backend: echo
`;
const recursive =
  'words: z.int().max(9).default(3), get tree() { return z.array(z.object({ leaf: leaf })).optional() }';
const files = {
  'echo.ts': `${backendSource('echo', recursive, "['thread']")}
const leaf = z.object({ get next() { return leaf.optional() } });
`,
};

async function schemaOf(boot: Promise<Boot>): Promise<any> {
  return jsonSchema((await boot).kernel);
}

test('it names the draft, refuses unknown keys, and needs nothing', async () => {
  const schema = await schemaOf(booted(''));
  expect(schema.$schema).toBe('https://json-schema.org/draft/2020-12/schema');
  expect(schema.additionalProperties).toBe(false);
  expect(schema.required).toBeUndefined();
  expect(Object.keys(schema.properties)).toEqual(['server', 'log', 'memory', 'plugins', 'models']);
});

test('a number may be written as a variable, and any text but that is refused', async () => {
  const schema = await schemaOf(booted(''));
  const { port } = schema.properties.server.properties;
  expect(port).toMatchObject({
    default: 8787,
    anyOf: [{ type: 'integer', minimum: 0, maximum: 65535 }, { $ref: '#/$defs/variable' }],
  });
  const variable = new RegExp(schema.$defs.variable.pattern, 'u');
  expect('${PORT:-80}').toMatch(variable);
  expect('PORT').not.toMatch(variable);
});

test("it holds each loaded plugin's config under its use, and each backend's options under its name", async () => {
  const schema = await schemaOf(booted(yaml, files));
  const [plugin] = schema.properties.plugins.items.allOf;
  expect(plugin.if.properties.use.const).toBe('./echo.ts');
  expect(Object.keys(plugin.then.properties.config.properties)).toEqual(['device', 'key']);
  expect(plugin.then.properties.config.additionalProperties).toBe(false);

  const [model] = schema.properties.models.items.allOf;
  expect(model.if.properties.backend.const).toBe('echo');
  expect(model.then.properties.options.properties.words.anyOf[0]).toMatchObject({ type: 'integer', maximum: 9 });
  expect(model.then.properties.isolation).toEqual({ enum: ['thread'] });
});

test('every reference in it leads somewhere', async () => {
  const schema = await schemaOf(booted(yaml, files));
  const references = [...JSON.stringify(schema).matchAll(/"\$ref":"#([^"]*)"/g)].map(([, path]) => path as string);
  expect(references.some((path) => path !== '/$defs/variable')).toBe(true);
  for (const path of references) {
    const target = path
      .split('/')
      .slice(1)
      .reduce((at, key) => at?.[key], schema);
    expect(target, path).toBeTypeOf('object');
  }
});
