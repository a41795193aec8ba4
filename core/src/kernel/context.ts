import { type BackendKind, isolations, type PluginContext } from '../sdk/index.ts';
import type { Services } from './container.ts';
import type { Contributions, LoadedPlugin } from './contributions.ts';
import type { CoreServices } from './core-services.ts';

/** The context of one plugin, and how to seal it when its setup has returned. */
export function openContext(
  plugin: LoadedPlugin,
  into: Contributions,
  services: Services,
  core: CoreServices,
  signal: AbortSignal,
): { readonly context: PluginContext; readonly seal: () => void } {
  const { name } = plugin;
  let sealed = false;
  const open = (what: string): void => {
    if (sealed) throw new Error(`the plugin "${name}" called ${what} after its setup, when contributions are sealed`);
  };
  const context: PluginContext = {
    log: core.log.child({ plugin: name }),
    // Not made for plugins that measure nothing.
    get meter() {
      return core.meter(name);
    },
    directory: core.directory,
    signal,
    backend(backend, kind) {
      open(`backend("${backend}")`);
      const other = into.backends.get(backend)?.plugin.name;
      if (other) throw new Error(`the backend "${backend}" is contributed by the plugin "${other}" already`);
      checkKind(backend, kind);
      into.backends.set(backend, { name: backend, kind: kind as unknown as BackendKind, plugin });
    },
    auth(id, scheme) {
      open(`auth("${id}")`);
      if (into.schemes.some((other) => other.name === id)) throw new Error(`there is an auth scheme "${id}" already`);
      into.schemes.push({ name: id, scheme });
    },
    media(loader) {
      open('media()');
      const taken = loader.schemes.find((scheme) => into.loaders.some((other) => other.schemes.includes(scheme)));
      if (taken !== undefined) throw new Error(`there is a media loader for "${taken}" already`);
      into.loaders.push(loader);
    },
    limit(limiter) {
      open('limit()');
      into.limiters.push(limiter);
    },
    observe(observer) {
      open('observe()');
      into.observers.push({ plugin: name, observer });
    },
    routes(routes) {
      open('routes()');
      into.routes.push({ plugin: name, routes });
    },
    health(id, format) {
      open(`health("${id}")`);
      const other = into.healthFormats.get(id)?.plugin;
      if (other) throw new Error(`the health format "${id}" is contributed by the plugin "${other}" already`);
      into.healthFormats.set(id, { plugin: name, format });
    },
    examine(examine) {
      open('examine()');
      into.examinations.push({ plugin: name, examine });
    },
    provide(token, factory) {
      open('provide()');
      services.provide(name, token, factory);
    },
    use(token) {
      return services.use(name, plugin.plugin.after ?? [], token);
    },
    onDispose(run) {
      if (signal.aborted) throw new Error(`the plugin "${name}" called onDispose() after the shutdown began`);
      into.disposers.push({ plugin: name, run });
    },
  };
  const seal = (): void => {
    sealed = true;
  };
  return { context, seal };
}

function checkKind(name: string, { create, options, isolation }: Partial<BackendKind>): void {
  const fail = (what: string): never => {
    throw new Error(`the backend "${name}" ${what}`);
  };
  if (typeof create !== 'function') fail('has no create()');
  if (!options || !('_zod' in options)) fail('has no zod 4 schema in `options`');
  if (isolation && (isolation.length < 1 || isolation.some((place) => !isolations.includes(place)))) {
    fail(`must give \`isolation\` as a list of ${isolations.join(', ')}`);
  }
}
