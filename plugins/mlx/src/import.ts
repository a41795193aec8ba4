import { homedir } from 'node:os';
import { join } from 'node:path';
import type { ForeignConfig, Importer, Translation } from '@backplane/core/sdk';
import { type Kind, kinds, modelKeys, type Rule, serverKeys } from './import-keys.ts';

type Fields = Readonly<Record<string, unknown>>;
type Path = readonly PropertyKey[];
interface Comment {
  readonly at: Path;
  readonly text: string;
}

const head = [
  'Each model is now an engine of its own, in the Python environment that options.python names: docs/mlx.md says how to make it, and `backplane doctor` what is missing.',
  'What stands as hf: must be in the Hugging Face cache, as it was for the old server; with options.allow_download: true it is fetched when it is not.',
];
const open =
  'The old server asked for no key, and neither does this one: everyone who reaches the port may use it (docs/auth.md). It also let every web page call it; here an origin is named in server.cors.origins.';

/** Reasoning parsers whose form of thinking is the one that Backplane reads. */
const thinking: ReadonlySet<unknown> = new Set(['qwen3', 'qwen3_moe', 'qwen3_vl', 'qwen3_5']);

/** A config.yaml of mlx-openai-server. */
const importer: Importer = { translate };
export default importer;

function translate(foreign: ForeignConfig): Translation {
  const { value, where } = foreign;
  if (!isMap(value) || !Array.isArray(value.models)) {
    throw new Error('it is no configuration of mlx-openai-server: it has no list of models');
  }
  const comments: Comment[] = head.map((text) => ({ at: [], text }));
  for (const key of Object.keys(value)) {
    if (key !== 'server' && key !== 'models') comments.push({ at: [], text: unknown(where([key]), key) });
  }
  const top = new Draft({ server: { host: '0.0.0.0', port: 8000, open: true } });
  if (isMap(value.server)) {
    for (const [key, its] of Object.entries(value.server)) {
      const why = top.take(key, its, ruleOf(serverKeys, key));
      if (why !== undefined) comments.push({ at: ['server'], text: `${where(['server', key])} ${why}` });
    }
  }
  comments.push({ at: ['server', 'open'], text: open });
  const models: Fields[] = [];
  for (const [index, model] of value.models.entries()) {
    const made = translateModel(model, (key) => where(['models', index, ...(key === undefined ? [] : [key])]));
    const at = made.entry ? ['models', models.length] : ['models'];
    comments.push(...made.comments.map((text) => ({ at, text })));
    if (made.entry) models.push(made.entry);
  }
  return { config: { ...top.made, plugins: ['@backplane/mlx'], models }, comments };
}

interface Made {
  /** Absent where Backplane cannot serve it. */
  readonly entry?: Fields;
  readonly comments: readonly string[];
}

function translateModel(model: unknown, where: (key?: string) => string): Made {
  if (!isMap(model) || typeof model.model_path !== 'string') {
    return { comments: [`${where()} this model has no model_path and is left out.`] };
  }
  const { model_path, model_type = 'lm', served_model_name = model_path, ...rest } = model;
  if (!isKind(model_type) || model_type.startsWith('image-')) {
    return {
      comments: [
        `${where('model_type')} model_type: ${served_model_name} is left out: models of this type are not served.`,
      ],
    };
  }
  const comments: string[] = [];
  const path = located(model_path);
  if (!path.startsWith('hf:') && !path.startsWith('/')) {
    comments.push(
      `${where('model_path')} model_path: was relative to the folder where the old server was started; here it is to the folder of this file.`,
    );
  }
  const draft = new Draft({
    id: served_model_name,
    backend: 'mlx',
    // What it does when it is not told.
    queue: { size: 100, timeout: '300s' },
    options: { ...engineOf(model_type), path },
  });
  for (const [key, value] of Object.entries(rest)) {
    const special = ruleOf(own, key);
    const why = special ? special(value, draft, rest) : draft.take(key, value, ruleOf(modelKeys, key), model_type);
    if (why !== undefined) comments.push(`${where(key)} ${why}`);
  }
  if (model_type === 'lm' || model_type === 'multimodal') draft.add(['reasoning'], 'raw');
  const { defaults, options, ...entry } = draft.made;
  return { entry: { ...entry, ...(defaults !== undefined && { defaults }), options }, comments };
}

/** Keys that mean more than one key here, or one that depends on others. */
const own: Readonly<Record<string, (value: unknown, draft: Draft, model: Fields) => string | undefined>> = {
  reasoning_parser(value, draft) {
    if (value === null) return undefined;
    draft.put(['reasoning'], 'separate');
    if (thinking.has(value)) return undefined;
    return `reasoning_parser: only thinking between <think> and </think> is told from text; see whether ${value} writes it so.`;
  },
  on_demand(value, draft, { on_demand_idle_timeout: seconds = 60 }) {
    if (value === true) draft.put(['on_demand'], { idle_timeout: `${seconds}s` });
    return undefined;
  },
  // Read above.
  on_demand_idle_timeout: () => undefined,
  disable_batching(value, draft) {
    if (value === true) draft.add(['options', 'slots'], 1);
    return undefined;
  },
};

/** A part of config.yaml while it is made. */
class Draft {
  readonly made: Record<string, unknown>;

  constructor(made: Record<string, unknown>) {
    this.made = made;
  }

  put(path: readonly string[], value: unknown): void {
    let part = this.made;
    for (const key of path.slice(0, -1)) {
      part[key] ??= {};
      part = part[key] as Record<string, unknown>;
    }
    part[path.at(-1) as string] = value;
  }

  /** Where nothing stands yet. */
  add(path: readonly string[], value: unknown): void {
    const there = path.reduce<unknown>((part, key) => (part as Fields | undefined)?.[key], this.made);
    if (there === undefined) this.put(path, value);
  }

  /** Obeys a rule; returns why the key is left out, if it is. null is what that server has for "not set". */
  take(key: string, value: unknown, rule: Rule | undefined, kind?: Kind): string | undefined {
    if (rule === undefined) return unknown('', key).trim();
    if (value === null) return undefined;
    if (rule.kept && kind && kind !== 'lm' && typeof value !== 'object') {
      this.put(['options', 'arguments', key], value);
      return undefined;
    }
    if ('none' in rule) return `${key}: has no equivalent: ${rule.none}.`;
    if (kind && rule.of && !rule.of.includes(kind)) return `${key}: is left out: models of type ${kind} do not use it.`;
    const read = rule.as.safeParse(value);
    if (!read.success) return `${key}: is left out, since its value cannot be: ${read.error.issues[0]?.message}.`;
    this.put(rule.to, read.data);
    return undefined;
  }
}

function engineOf(kind: Kind): Fields {
  if (kind === 'lm') return { python: './mlx' };
  return { engine: 'mlx-openai-server', type: kind, python: './mlx-openai-server' };
}

/** A repository's name, as that server understands it, or a folder. */
function located(path: string): string {
  if (/^[\w][\w.-]*\/[\w.-]+$/.test(path)) return `hf:${path}`;
  return path.startsWith('~/') ? join(homedir(), path.slice(2)) : path;
}

/** A file may have a key that every object answers to. */
function ruleOf<T>(rules: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(rules, key) ? rules[key] : undefined;
}

function unknown(where: string, key: string): string {
  return `${where} ${key}: is no key of mlx-openai-server that is known here, and is left out.`;
}

function isMap(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isKind(value: unknown): value is Kind {
  return kinds.includes(value as Kind);
}
