import type { z } from 'zod';
import { check } from './check.ts';
import type { Problem } from './problem.ts';
import { type Config, configSchema, type ModelConfig, modelSchema, type PluginConfig, pluginSchema } from './schema.ts';
import { type Path, Source } from './source.ts';

/** An entry of a list, which may be wrong while others are right. */
export interface Entry<T> {
  readonly path: Path;
  /** Absent when something in it is wrong. */
  readonly value?: T;
}

/** config.yaml as far as it can be understood: problems do not hide what is right. */
export interface Loaded {
  readonly source: Source;
  readonly problems: readonly Problem[];
  /** Absent when any of it is wrong. */
  readonly config?: Config;
  readonly plugins: readonly Entry<PluginConfig>[];
  readonly models: readonly Entry<ModelConfig>[];
}

/** Throws a ConfigError when the file cannot be read or is no YAML; everything else is in `problems`. */
export async function load(file: string, env: NodeJS.ProcessEnv): Promise<Loaded> {
  const source = await Source.read(file, env);
  const config = await check(configSchema, source, []);
  const plugins = await entries(pluginSchema, source, ['plugins']);
  const models = await entries(modelSchema, source, ['models']);
  const problems = [...source.problems, ...config.problems, ...crossChecks(source, models)];
  return { source, problems, plugins, models, ...(config.ok && { config: config.value }) };
}

async function entries<S extends z.ZodType>(schema: S, source: Source, at: Path): Promise<Entry<z.output<S>>[]> {
  const list = source.at(at);
  if (!Array.isArray(list)) return [];
  return Promise.all(
    list.map(async (_, i) => {
      const path = [...at, i];
      const checked = await check(schema, source, path);
      return checked.ok ? { path, value: checked.value } : { path };
    }),
  );
}

/** What zod does not look at while any field is wrong. */
function crossChecks(source: Source, models: readonly Entry<ModelConfig>[]): Problem[] {
  const problems: Problem[] = [];
  const taken = new Map<unknown, Path>();
  for (const { path, value } of models) {
    const aliases = source.at([...path, 'aliases']);
    const names: Path[] = [[...path, 'id']];
    if (Array.isArray(aliases)) names.push(...aliases.map((_, i) => [...path, 'aliases', i]));
    for (const at of names) {
      const name = source.at(at);
      const first = taken.get(name);
      if (first === undefined) taken.set(name, at);
      else if (typeof name === 'string') {
        const where = source.problem(first, '');
        const message = `is the same as ${where.path} in line ${where.line}; ids and aliases must all differ`;
        problems.push(source.problem(at, message));
      }
    }
    if (value && value.restart.max_backoff < value.restart.backoff) {
      problems.push(source.problem([...path, 'restart', 'max_backoff'], 'must not be shorter than backoff'));
    }
  }
  return problems;
}
