import type { FastifyPluginAsync } from 'fastify';
import type { Registry } from 'prom-client';
import {
  type AuthScheme,
  type BackendKind,
  type Log,
  type MediaLoader,
  type Meter,
  type Observer,
  type Plugin,
  registry,
} from '../sdk/index.ts';
import { Services } from './container.ts';
import { Contributions, type Disposer, openContext } from './context.ts';
import { order } from './order.ts';

export interface LoadedPlugin {
  readonly name: string;
  /** As config.yaml names it. */
  readonly use: string;
  /** File URL of the module, for instances that run elsewhere. */
  readonly url: string;
  readonly plugin: Plugin;
  /** What the plugin's schema made of its config. */
  readonly config: unknown;
}

export interface Backend {
  readonly name: string;
  readonly kind: BackendKind;
  readonly plugin: LoadedPlugin;
}

/** What the plugins contributed, sealed. */
export interface Kernel {
  /** In setup order. */
  readonly plugins: readonly LoadedPlugin[];
  readonly backends: ReadonlyMap<string, Backend>;
  readonly schemes: readonly { readonly name: string; readonly scheme: AuthScheme }[];
  readonly loaders: readonly MediaLoader[];
  readonly observers: readonly { readonly plugin: string; readonly observer: Observer }[];
  readonly routes: readonly { readonly plugin: string; readonly routes: FastifyPluginAsync }[];
  /** Aborts the plugins' signal, then runs the disposers, last registered first, each for at most `graceMs`. Never rejects. */
  dispose(graceMs: number): Promise<void>;
}

/** What the core lends to plugins. */
export interface CoreServices {
  readonly log: Log;
  meter(plugin: string): Meter;
  /** The folder of config.yaml. */
  readonly directory: string;
  registry(): Registry;
}

/** Plugins whose setup threw; the others have been undone. */
export class SetupError extends Error {
  override readonly name = 'SetupError';
  readonly failures: readonly { readonly plugin: LoadedPlugin; readonly reason: unknown }[];

  constructor(failures: SetupError['failures']) {
    super(`the setup of these plugins failed: ${failures.map(({ plugin }) => plugin.name).join(', ')}`);
    this.failures = failures;
  }
}

/** Sets the plugins up, in order. Throws a `Cycle`, or a `SetupError` when all that could be tried have been. */
export async function createKernel(loaded: readonly LoadedPlugin[], core: CoreServices): Promise<Kernel> {
  const plugins = order(loaded, ({ plugin }) => plugin);
  const contributions = new Contributions();
  const services = new Services();
  services.core(registry, () => core.registry());
  const shutdown = new AbortController();

  let disposed: Promise<void> | undefined;
  const dispose = (graceMs: number): Promise<void> => {
    disposed ??= (async () => {
      shutdown.abort();
      for (const disposer of contributions.disposers.toReversed()) await runDisposer(disposer, graceMs, core.log);
      await services.dispose();
    })();
    return disposed;
  };

  const failures: { plugin: LoadedPlugin; reason: unknown }[] = [];
  const failed = new Set<string>();
  for (const plugin of plugins) {
    // What stands on a failed plugin would fail for that reason alone.
    if (plugin.plugin.after?.some((name) => failed.has(name))) {
      failed.add(plugin.name);
      continue;
    }
    const { context, seal } = openContext(plugin, contributions, services, core, shutdown.signal);
    try {
      await plugin.plugin.setup(context, plugin.config);
    } catch (reason) {
      failed.add(plugin.name);
      failures.push({ plugin, reason });
    } finally {
      seal();
    }
  }
  if (failures.length > 0) {
    await dispose(abandonMs);
    throw new SetupError(failures);
  }
  const { backends, schemes, loaders, observers, routes } = contributions;
  return { plugins, backends, schemes, loaders, observers, routes, dispose };
}

/** How long plugins may take to undo themselves when another one's setup failed. */
const abandonMs = 5_000;

async function runDisposer({ plugin, run }: Disposer, graceMs: number, log: Log): Promise<void> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`abandoned after ${graceMs} ms`)), graceMs);
  try {
    await Promise.race([run(), late.promise]);
  } catch (error) {
    log.warn({ plugin, err: error }, `a disposer of the plugin "${plugin}" failed`);
  } finally {
    clearTimeout(timer);
  }
}
