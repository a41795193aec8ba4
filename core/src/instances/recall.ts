import {
  type BackendKind,
  Failure,
  type Instance,
  type Log,
  type Meter,
  type Plugin,
  type PluginContext,
} from '../sdk/index.ts';
import type { Blueprint } from './placement.ts';

/**
 * Makes an instance where this code runs: imports the plugin's own module here and runs its setup, of which only
 * `backend()` takes effect. So a plugin is written once and a backend runs in every isolation.
 */
export async function recall({ plugin, backend, spec, index, isolation }: Blueprint, log: Log): Promise<Instance> {
  const module = (await import(plugin.url)) as { readonly default: Plugin };
  const kind = (await backendsOf(module.default, plugin.config, spec.directory, log)).get(backend);
  if (!kind) {
    throw new Failure(
      'internal',
      `plugin ${plugin.name} contributes no backend "${backend}" when its setup runs in a ${isolation}`,
    );
  }
  return kind.create(spec, { log, index, isolation });
}

/** Runs a plugin's setup for its backends alone. `config` is what the plugin's schema gave. */
export async function backendsOf(
  plugin: Plugin,
  config: unknown,
  directory: string,
  log: Log,
): Promise<ReadonlyMap<string, BackendKind>> {
  const kinds = new Map<string, BackendKind>();
  await plugin.setup(setupContext(plugin.name, directory, kinds, log), config);
  return kinds;
}

function setupContext(plugin: string, directory: string, kinds: Map<string, BackendKind>, log: Log): PluginContext {
  const ignore = (): void => {};
  return {
    log,
    meter: noMeter,
    directory,
    signal: new AbortController().signal,
    backend: (name, kind) => {
      kinds.set(name, kind as unknown as BackendKind);
    },
    auth: ignore,
    media: ignore,
    limit: ignore,
    observe: ignore,
    routes: ignore,
    health: ignore,
    examine: ignore,
    provide: ignore,
    use: (wanted) => {
      throw new Error(
        `plugin ${plugin} uses the service ${String(wanted.description)} in setup, which an isolated instance does not have; run the model with isolation: inline`,
      );
    },
    onDispose: ignore,
  };
}

/** Metrics live in the server's process; an isolated instance reports through its events, health and log. */
const noMetric = new Proxy(() => noMetric, { get: () => noMetric, apply: () => noMetric }) as never;
const noMeter: Meter = { counter: () => noMetric, gauge: () => noMetric, histogram: () => noMetric };
