import { dirname, resolve } from 'node:path';
import type { z } from 'zod';
import { type Checked, check, strict } from './config/check.ts';
import { editorSchema } from './config/editor-schema.ts';
import { type Entry, type Loaded, load } from './config/load.ts';
import { ConfigError, type Problem, renderPath } from './config/problem.ts';
import { type Config, configSchema, type ModelConfig } from './config/schema.ts';
import type { Path, Source } from './config/source.ts';
import { didYouMean } from './config/suggestion.ts';
import type { Backend, LoadedPlugin } from './kernel/contributions.ts';
import type { CoreServices } from './kernel/core-services.ts';
import { createKernel, type Kernel, SetupError } from './kernel/kernel.ts';
import { Cycle } from './kernel/order.ts';
import { resolvePlugin } from './kernel/resolve.ts';
import { shownSize } from './models/memory.ts';
import { type Isolation, isolations } from './sdk/index.ts';

/** A model whose backend exists and accepts its options. */
export interface CheckedModel extends ModelConfig {
  readonly backendKind: Backend;
  readonly isolation: Isolation;
  /** What the backend's schema made of them. */
  readonly options: Record<string, unknown>;
}

/** config.yaml understood and its plugins set up; nothing is started or opened yet. */
export interface Boot {
  readonly config: Config;
  /** As it was given. */
  readonly file: string;
  /** The folder of config.yaml, absolute. */
  readonly directory: string;
  readonly kernel: Kernel;
  readonly models: readonly CheckedModel[];
  /** A text without what came from the environment or stands under a key that is named like a secret. */
  readonly mask: (text: string) => string;
}

type Services = (config: Config) => Omit<CoreServices, 'directory'>;

/** Throws a ConfigError with everything that is wrong with the config and its plugins. */
export async function boot(file: string, services: Services, env: NodeJS.ProcessEnv = process.env): Promise<Boot> {
  const loaded = await load(file, env);
  const { source } = loaded;
  const directory = dirname(resolve(file));
  const plugins = await loadPlugins(loaded.plugins, source, file);
  const problems = [...loaded.problems, ...plugins.problems];
  if (problems.some(({ path }) => path.startsWith('plugins'))) throw new ConfigError(problems);

  // Backends are known only after setup, and a slip elsewhere in the file must not hide those in models' options.
  const config = loaded.config ?? configSchema.parse({ log: { level: 'silent' } });
  const kernel = await setUp(plugins, { ...services(config), directory }, source, problems);

  const models: CheckedModel[] = [];
  for (const entry of loaded.models) {
    const checked = await checkModel(entry, kernel, source);
    if (Array.isArray(checked)) problems.push(...checked);
    else models.push(checked);
  }
  if (loaded.config) {
    problems.push(...checkExposure(loaded.config, kernel, source), ...checkMemory(loaded.config, source));
    problems.push(...checkHealth(loaded.config, kernel, source));
  }
  if (problems.length > 0 || !loaded.config) {
    await kernel.dispose(config.server.shutdown_grace);
    throw new ConfigError(problems);
  }
  return { config: loaded.config, file, directory, kernel, models, mask: (text) => source.mask(text) };
}

/** JSON Schema (draft 2020-12) of config.yaml for editors, with the settings of these plugins and their backends. */
export function jsonSchema({ plugins, backends }: Pick<Kernel, 'plugins' | 'backends'>): object {
  return editorSchema(
    plugins.map(({ use, plugin }) => ({ use, config: strict(plugin.config) })),
    [...backends.values()].map(({ name, kind }) => ({
      name,
      options: strict(kind.options),
      isolation: kind.isolation ?? isolations,
    })),
  );
}

interface Plugins {
  readonly loaded: readonly LoadedPlugin[];
  /** Plugin name -> where config.yaml names it. */
  readonly paths: ReadonlyMap<string, Path>;
  readonly problems: readonly Problem[];
}

async function loadPlugins(entries: Loaded['plugins'], source: Source, file: string): Promise<Plugins> {
  const loaded: LoadedPlugin[] = [];
  const problems: Problem[] = [];
  const paths = new Map<string, Path>();
  for (const { path, value } of entries) {
    const at = [...path, 'use'];
    if (!value || source.variable(at)?.broken) continue;
    try {
      const { plugin, url } = await resolvePlugin(value.use, file);
      const { name } = plugin;
      const first = paths.get(name);
      if (first) throw new Error(`this is the plugin "${name}", which ${renderPath(first)} loads already`);
      paths.set(name, path);
      const config = await checkPart(plugin.config, source, [...path, 'config']);
      problems.push(...config.problems);
      if (config.ok) loaded.push({ name, use: value.use, url, plugin, config: config.value });
    } catch (error) {
      problems.push(source.problem(at, `${source.quote(at)}: ${source.mask(messageOf(error))}`));
    }
  }
  return { loaded, paths, problems };
}

/** Throws a ConfigError of these problems and its own when a plugin cannot be set up. */
async function setUp(
  { loaded, paths }: Plugins,
  services: CoreServices,
  source: Source,
  problems: readonly Problem[],
): Promise<Kernel> {
  try {
    return await createKernel(loaded, services);
  } catch (error) {
    const at = (plugin: string, message: string): Problem =>
      source.problem(paths.get(plugin) ?? [], source.mask(message));
    if (error instanceof Cycle) {
      throw new ConfigError([
        ...problems,
        at(error.names[0] ?? '', `${error.message}; one of them must not name the next`),
      ]);
    }
    if (!(error instanceof SetupError)) throw error;
    const own = error.failures.map(({ plugin, reason }) =>
      at(plugin.name, `the setup of the plugin "${plugin.name}" failed: ${messageOf(reason)}`),
    );
    throw new ConfigError([...problems, ...own]);
  }
}

/** What the backend says to a model; the rest of the entry may be wrong. */
async function checkModel(
  { path, value }: Entry<ModelConfig>,
  kernel: Kernel,
  source: Source,
): Promise<CheckedModel | Problem[]> {
  const at = [...path, 'backend'];
  const name = source.at(at);
  if (typeof name !== 'string' || source.variable(at)?.broken) return [];
  const backendKind = kernel.backends.get(name);
  if (!backendKind) {
    const names = [...kernel.backends.keys()];
    const hint = source.variable(at) ? '' : didYouMean(name, names);
    const known =
      names.length > 0 ? `the loaded plugins contribute ${names.join(', ')}` : 'no loaded plugin contributes any';
    return [source.problem(at, `there is no backend ${source.quote(at)}: ${known}${hint}`)];
  }
  const problems: Problem[] = [];
  const { kind } = backendKind;
  const allowed = kind.isolation ?? isolations;
  const isolation = value?.isolation ?? allowed[0];
  if (!allowed.includes(isolation)) {
    problems.push(source.problem([...path, 'isolation'], `the backend "${name}" runs ${allowed.join(' or ')} only`));
  }
  const options = await checkPart(kind.options, source, [...path, 'options']);
  problems.push(...options.problems);
  if (!value || !options.ok || problems.length > 0) return problems;
  return { ...value, backendKind, isolation, options: options.value as Record<string, unknown> };
}

/** Holds a plugin's part of the file against the plugin's schema. */
async function checkPart(schema: z.ZodType, source: Source, path: Path): Promise<Checked<unknown>> {
  const checked = await check(strict(schema), source, path);
  try {
    // It travels to threads and processes; better said now than when an instance starts.
    if (checked.ok) structuredClone(checked.value);
    return checked;
  } catch (error) {
    const message = "the plugin's schema makes something of this that no thread or process can receive";
    return { ok: false, problems: [source.problem(path, source.mask(`${message}: ${messageOf(error)}`))] };
  }
}

const loopback = /^(?:localhost|127(?:\.\d+){3}|\[?::1\]?)$/i;

/** A form of `/health` that nobody contributes. */
function checkHealth({ server }: Config, { healthFormats }: Kernel, source: Source): Problem[] {
  const names = ['backplane', ...healthFormats.keys()];
  if (names.includes(server.health)) return [];
  const known = `it is one of ${names.join(', ')}, of which the loaded plugins contribute all but the first`;
  const message = `there is no health format ${source.quote(['server', 'health'])}: ${known}${didYouMean(server.health, names)}`;
  return [source.problem(['server', 'health'], message)];
}

/** Nobody shall serve a network without asking for keys because a plugin was left out. */
function checkExposure({ server }: Config, kernel: Kernel, source: Source): Problem[] {
  if (server.open || kernel.schemes.length > 0 || loopback.test(server.host)) return [];
  const fix = 'load an auth plugin, or set server.open: true if everyone who reaches this port may use it';
  return [source.problem(['server', 'host'], `is reachable from other machines, and no plugin asks for a key: ${fix}`)];
}

/** A model that could never be loaded is a slip, and better said now than to its first caller. */
function checkMemory({ memory: { budget }, models }: Config, source: Source): Problem[] {
  if (budget === undefined) return [];
  const needs = ({ memory = 0, instances }: ModelConfig): number => memory * instances;
  const kept = models.filter(({ on_demand }) => !on_demand).reduce((sum, model) => sum + needs(model), 0);
  if (kept > budget) {
    const message = `is less than what the models that are always loaded take, which is ${shownSize(kept)}`;
    return [source.problem(['memory', 'budget'], message)];
  }
  return models.flatMap((model, index) => {
    if (!model.on_demand) return [];
    if (model.memory === undefined) {
      const message = 'needs to be told how much memory it takes, for memory.budget: add memory to the model';
      return [source.problem(['models', index, 'on_demand'], message)];
    }
    const room = budget - kept;
    if (needs(model) <= room) return [];
    const bound =
      kept === 0
        ? `memory.budget (${shownSize(budget)})`
        : `the ${shownSize(room)} that memory.budget leaves beside the models that are always loaded`;
    const times = model.instances > 1 ? ` ${model.instances} times over` : '';
    return [source.problem(['models', index, 'memory'], `is${times} more than ${bound}`)];
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
