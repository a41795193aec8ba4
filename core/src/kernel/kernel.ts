import type { FastifyPluginAsync } from 'fastify';
import {
  type AuthScheme,
  type Examination,
  type Limiter,
  type Log,
  type MediaLoader,
  type Observer,
  registry,
} from '../sdk/index.ts';
import { Services } from './container.ts';
import { openContext } from './context.ts';
import {
  type Backend,
  type ContributedHealth,
  Contributions,
  type Disposer,
  type LoadedPlugin,
} from './contributions.ts';
import type { CoreServices } from './core-services.ts';
import { order } from './order.ts';

/** What the plugins contributed, sealed. */
export interface Kernel {
  /** In setup order. */
  readonly plugins: readonly LoadedPlugin[];
  readonly backends: ReadonlyMap<string, Backend>;
  readonly schemes: readonly { readonly name: string; readonly scheme: AuthScheme }[];
  readonly loaders: readonly MediaLoader[];
  readonly limiters: readonly Limiter[];
  readonly observers: readonly { readonly plugin: string; readonly observer: Observer }[];
  readonly routes: readonly { readonly plugin: string; readonly routes: FastifyPluginAsync }[];
  readonly healthFormats: ReadonlyMap<string, ContributedHealth>;
  readonly examinations: readonly { readonly plugin: string; readonly examine: Examination }[];
  /** Aborts the plugins' signal, then runs the disposers, last registered first, each for at most `graceMs`. Never rejects. */
  dispose(graceMs: number): Promise<void>;
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
  const { backends, schemes, loaders, limiters, observers, routes, examinations, healthFormats } = contributions;
  return { plugins, backends, schemes, loaders, limiters, observers, routes, examinations, healthFormats, dispose };
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
