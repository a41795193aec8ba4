import { z } from 'zod';
import { configSchema } from './schema.ts';

type Json = Record<string, unknown>;

interface PluginPart {
  readonly use: string;
  readonly config: z.ZodType;
}

interface BackendPart {
  readonly name: string;
  readonly options: z.ZodType;
  readonly isolation: readonly string[];
}

type Choice = readonly [value: string, properties: Readonly<Record<string, Json>>];

const variable = { $ref: '#/$defs/variable' };
const variableText = { type: 'string', pattern: '^\\$\\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\\}$' };

/** JSON Schema (draft 2020-12) of config.yaml: the core's keys, and what each `use` and each `backend` makes of the rest. */
export function editorSchema(plugins: readonly PluginPart[], backends: readonly BackendPart[]): object {
  // One conversion of all, so that shared definitions have one home and their references hold.
  const whole = z.object({
    core: configSchema,
    plugins: z.object(Object.fromEntries(plugins.map(({ use, config }) => [use, config]))),
    backends: z.object(Object.fromEntries(backends.map(({ name, options }) => [name, options]))),
  });
  const { $defs, properties } = z.toJSONSchema(whole, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ jsonSchema }) => acceptVariable(jsonSchema as Json),
  });
  const { core, ...parts } = properties as { core: Json; plugins: Json; backends: Json };
  const byUse = plugins.map(({ use }): Choice => [use, { config: child(parts.plugins, use) }]);
  const byBackend = backends.map(({ name, isolation }): Choice => {
    return [name, { options: child(parts.backends, name), isolation: { enum: [...isolation] } }];
  });
  addChoices(child(core, 'plugins'), 'use', byUse);
  addChoices(child(core, 'models'), 'backend', byBackend);
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'config.yaml of Backplane',
    ...core,
    $defs: { ...$defs, variable: variableText },
  };
}

/** What is text in the file may become a number, a boolean or one of a few words when a variable is filled in. */
function acceptVariable(json: Json): void {
  const { type, enum: values, pattern, anyOf } = json;
  if (Array.isArray(anyOf)) {
    const forms = anyOf.flatMap((form: Json) => (Array.isArray(form.anyOf) ? form.anyOf : [form]));
    json.anyOf = [...forms.filter((form) => form !== variable), ...(forms.includes(variable) ? [variable] : [])];
  } else if (
    type === 'number' ||
    type === 'integer' ||
    type === 'boolean' ||
    values !== undefined ||
    pattern !== undefined
  ) {
    const { description, default: fallback, ...rest } = json;
    for (const key of Object.keys(rest)) delete json[key];
    json.anyOf = [rest, variable];
  }
}

function child(json: Json, name: string): Json {
  return (json.properties as Record<string, Json>)[name] as Json;
}

function addChoices(list: Json, key: string, choices: readonly Choice[]): void {
  if (choices.length === 0) return;
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
  const rule = ([value, properties]: Choice) => ({ if: has(key, value), then: { properties } });
  (list.items as Json).allOf = choices.map(rule);
}

function has(key: string, value: string): Json {
  return { type: 'object', properties: { [key]: { const: value } }, required: [key] };
}
