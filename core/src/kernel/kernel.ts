import type { FastifyPluginAsync } from 'fastify';
import type { Registry } from 'prom-client';
import {
  type AuthScheme,
  type BackendKind,
  isolations,
  type Log,
  type MediaLoader,
  type Meter,
  type Observer,
  type Plugin,
  type PluginContext,
  registry,
} from '../sdk/index.ts';
import { Services } from './container.ts';
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

interface Disposer {
  readonly plugin: string;
  readonly run: () => void | Promise<void>;
}

/** How long plugins may take to undo themselves when another one's setup failed. */
const abandonMs = 5_000;

/** Sets the plugins up, in order. Throws a `Cycle`, or a `SetupError` when all that could be tried have been. */
export async function createKernel(loaded: readonly LoadedPlugin[], core: CoreServices): Promise<Kernel> {
  const plugins = order(loaded, ({ plugin }) => plugin);
  const backends = new Map<string, Backend>();
  const schemes: { name: string; scheme: AuthScheme }[] = [];
  const loaders: MediaLoader[] = [];
  const observers: { plugin: string; observer: Observer }[] = [];
  const routes: { plugin: string; routes: FastifyPluginAsync }[] = [];
  const disposers: Disposer[] = [];
  const services = new Services();
  const shutdown = new AbortController();
  services.core(registry, () => core.registry());

  const contextOf = (plugin: LoadedPlugin): { context: PluginContext; seal: () => void } => {
    const { name } = plugin;
    let sealed = false;
    const open = (what: string): void => {
      if (sealed)
        throw new Error(`the plugin "${name}" called ${what} after its setup: contributions are sealed by then`);
    };
    const alive = (what: string): void => {
      if (shutdown.signal.aborted) throw new Error(`the plugin "${name}" called ${what} after the shutdown began`);
    };
    const context: PluginContext = {
      log: core.log.child({ plugin: name }),
      // Not made for plugins that measure nothing.
      get meter() {
        return core.meter(name);
      },
      directory: core.directory,
      signal: shutdown.signal,
      backend(backend, kind) {
        open(`backend("${backend}")`);
        const other = backends.get(backend);
        if (other)
          throw new Error(`the backend "${backend}" is contributed by the plugin "${other.plugin.name}" already`);
        checkKind(backend, kind);
        backends.set(backend, { name: backend, kind: kind as unknown as BackendKind, plugin });
      },
      auth(scheme, implementation) {
        open(`auth("${scheme}")`);
        if (schemes.some((other) => other.name === scheme))
          throw new Error(`there is an auth scheme "${scheme}" already`);
        schemes.push({ name: scheme, scheme: implementation });
      },
      media(loader) {
        open('media()');
        const taken = loader.schemes.find((scheme) => loaders.some((other) => other.schemes.includes(scheme)));
        if (taken !== undefined) throw new Error(`there is a media loader for "${taken}" already`);
        loaders.push(loader);
      },
      observe(observer) {
        open('observe()');
        observers.push({ plugin: name, observer });
      },
      routes(implementation) {
        open('routes()');
        routes.push({ plugin: name, routes: implementation });
      },
      provide(token, factory) {
        open('provide()');
        services.provide(name, token, factory);
      },
      use(token) {
        alive('use()');
        return services.use(name, plugin.plugin.after ?? [], token);
      },
      onDispose(run) {
        alive('onDispose()');
        disposers.push({ plugin: name, run });
      },
    };
    const seal = (): void => {
      sealed = true;
    };
    return { context, seal };
  };

  let disposed: Promise<void> | undefined;
  const dispose = (graceMs: number): Promise<void> => {
    disposed ??= (async () => {
      shutdown.abort();
      for (const disposer of disposers.toReversed()) await runDisposer(disposer, graceMs, core.log);
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
    const { context, seal } = contextOf(plugin);
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
  return { plugins, backends, schemes, loaders, observers, routes, dispose };
}

function checkKind(name: string, kind: Partial<BackendKind>): void {
  if (typeof kind.create !== 'function') throw new Error(`the backend "${name}" has no create()`);
  if (!kind.options || !('_zod' in kind.options))
    throw new Error(`the backend "${name}" has no zod 4 schema in \`options\``);
  const unknown = kind.isolation?.find((isolation) => !isolations.includes(isolation));
  if (kind.isolation && (kind.isolation.length === 0 || unknown !== undefined)) {
    throw new Error(`the backend "${name}" must give \`isolation\` as a list of ${isolations.join(', ')}`);
  }
}

async function runDisposer({ plugin, run }: Disposer, graceMs: number, log: Log): Promise<void> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Error(`it took longer than ${graceMs} ms and was abandoned`)),
    graceMs,
  );
  try {
    await Promise.race([run(), late.promise]);
  } catch (error) {
    log.warn({ plugin, err: error }, `a disposer of the plugin "${plugin}" failed`);
  } finally {
    clearTimeout(timer);
  }
}
