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

const variable = { type: 'string', pattern: '^\\$\\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\\}$' };

/** JSON Schema (draft 2020-12) of config.yaml: the core's keys, and what each `use` and each `backend` makes of the rest. */
export function editorSchema(plugins: readonly PluginPart[], backends: readonly BackendPart[]): object {
  // One conversion of all, so that shared definitions have one home and their references hold.
  const whole = z.object({
    core: configSchema,
    plugins: z.object(Object.fromEntries(plugins.map(({ use, config }) => [use, config]))),
    backends: z.object(Object.fromEntries(backends.map(({ name, options }) => [name, options]))),
  });
  const json = z.toJSONSchema(whole, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ jsonSchema }) => acceptVariable(jsonSchema as Json),
  }) as Json;
  const part = (name: string): Json => (json['properties'] as Record<string, Json>)[name] as Json;
  const under = (name: string, key: string): Json => (part(name)['properties'] as Record<string, Json>)[key] as Json;

  const core = part('core');
  addChoices(
    item(core, 'plugins'),
    plugins.map(({ use }) => ({ key: 'use', value: use, then: { config: under('plugins', use) } })),
  );
  addChoices(
    item(core, 'models'),
    backends.map(({ name, isolation }) => ({
      key: 'backend',
      value: name,
      then: { options: under('backends', name), isolation: { enum: isolation } },
    })),
  );
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'config.yaml of Backplane',
    ...core,
    ...(json['$defs'] !== undefined && { $defs: json['$defs'] }),
  };
}

/** What is text in the file may become a number, a boolean or one of a few words when a variable is filled in. */
function acceptVariable(json: Json): void {
  const { type, enum: values, pattern } = json;
  const narrow =
    type === 'number' || type === 'integer' || type === 'boolean' || values !== undefined || pattern !== undefined;
  if (!narrow || pattern === variable.pattern) return;
  const { description, default: fallback, ...rest } = json;
  for (const key of Object.keys(rest)) delete json[key];
  json['anyOf'] = [rest, variable];
}

function item(core: Json, list: string): Json {
  return (core['properties'] as Record<string, Json>)[list]?.['items'] as Json;
}

interface Choice {
  readonly key: string;
  readonly value: string;
  readonly then: Readonly<Record<string, Json>>;
}

function addChoices(target: Json, choices: readonly Choice[]): void {
  if (choices.length === 0) return;
  target['allOf'] = choices.map(({ key, value, then }) => ({
    if: { type: 'object', properties: { [key]: { const: value } }, required: [key] },
    // biome-ignore lint/suspicious/noThenProperty: the keyword of JSON Schema
    then: { properties: then },
  }));
}
