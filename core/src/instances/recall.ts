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
export async function recall(blueprint: Blueprint, log: Log): Promise<Instance> {
  const { plugin: origin, backend, spec, index, isolation } = blueprint;
  const module = (await import(origin.url)) as { readonly default: Plugin };
  const kinds = new Map<string, BackendKind>();
  await module.default.setup(setupContext(origin.name, blueprint.spec.directory, kinds, log), origin.config);
  const kind = kinds.get(backend);
  if (!kind) {
    throw new Failure(
      'internal',
      `plugin ${origin.name} contributes no backend "${backend}" when its setup runs in a ${isolation}`,
    );
  }
  return kind.create(spec, { log, index, isolation });
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
    observe: ignore,
    routes: ignore,
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
