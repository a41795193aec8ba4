import type { z } from 'zod';
import { check } from './check.ts';
import type { Problem } from './problem.ts';
import { type Config, configSchema, type ModelConfig, modelSchema, type PluginConfig, pluginSchema } from './schema.ts';
import { type Path, Source } from './source.ts';

/** An entry of a list that is right in itself, although others may not be. */
export interface Entry<T> {
  readonly path: Path;
  readonly value: T;
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
  const found: Entry<z.output<S>>[] = [];
  for (let i = 0; Array.isArray(list) && i < list.length; i++) {
    const path = [...at, i];
    const checked = await check(schema, source, path);
    if (checked.ok) found.push({ path, value: checked.value });
  }
  return found;
}

/** What zod does not look at while any field is wrong. */
function crossChecks(source: Source, models: readonly Entry<ModelConfig>[]): Problem[] {
  const problems: Problem[] = [];
  const taken = new Map<string, Path>();
  for (const { path, value } of models) {
    const names: [string, Path][] = [[value.id, [...path, 'id']]];
    value.aliases.forEach((alias, i) => {
      names.push([alias, [...path, 'aliases', i]]);
    });
    for (const [name, at] of names) {
      const first = taken.get(name);
      if (first === undefined) taken.set(name, at);
      else {
        const { path: where, line } = source.problem(first, '');
        problems.push(
          source.problem(at, `names a model that ${where} in line ${line} names already; ids and aliases must differ`),
        );
      }
    }
    if (value.restart.max_backoff < value.restart.backoff) {
      problems.push(source.problem([...path, 'restart', 'max_backoff'], 'must not be shorter than backoff'));
    }
  }
  return problems;
}
