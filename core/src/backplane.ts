import { type Boot, boot, type CheckedModel } from './boot.ts';
import type { Config } from './config/schema.ts';
import { Server } from './http/server.ts';
import { place } from './instances/place.ts';
import { mediaSource } from './media/loaders.ts';
import { sweepTemporary } from './media/temporary.ts';
import type { ModelDefinition } from './models/definition.ts';
import { MemoryBudget } from './models/memory.ts';
import { Model } from './models/model.ts';
import { ModelRegistry } from './models/registry.ts';
import { accessLog } from './observe/access-log.ts';
import { HeldLog } from './observe/held-log.ts';
import { type CallLog, createLog } from './observe/log.ts';
import { createMeter, createRegistry, showPlugins } from './observe/meter.ts';
import { Signals } from './observe/signals.ts';
import { version } from './version.ts';

export interface StartOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** Where log lines go; absent: stdout. */
  readonly logStream?: NodeJS.WritableStream;
  /** Runs when the port is open, before anything is logged. */
  readonly listening?: (backplane: Backplane) => void;
}

/** A running server. */
export interface Backplane {
  /** Where clients find it, e.g. `http://127.0.0.1:8787`. */
  readonly url: string;
  readonly config: Config;
  readonly log: HeldLog;
  /** Resolves when each model is ready or has failed once. */
  readonly loaded: Promise<void>;
  /**
   * Refuses new calls, lets running ones finish within `server.shutdown_grace`, ends the rest with an error, unloads the
   * models, undoes the plugins. Idempotent.
   */
  stop(): Promise<void>;
}

export interface Prepared extends Boot {
  /** Holds its lines until `release()`. */
  readonly log: HeldLog;
  /** The log behind it. */
  readonly calls: CallLog;
}

/** Reads a config and sets up what it names, without starting anything. Throws a ConfigError with all that is wrong. */
export async function prepare(file: string, { env, logStream }: StartOptions = {}): Promise<Prepared> {
  let log: HeldLog | undefined;
  let calls: CallLog | undefined;
  let made: ReturnType<typeof createRegistry> | undefined;
  const booted = await boot(
    file,
    (config) => {
      const registry = () => {
        made ??= createRegistry();
        return made;
      };
      calls = createLog({ ...config.log, ...(logStream && { stream: logStream }) });
      log = new HeldLog(calls);
      return { log, registry, meter: (plugin) => createMeter(registry(), plugin) };
    },
    env,
  );
  if (made) showPlugins(made, booted.kernel.plugins);
  return { ...booted, log: log as unknown as HeldLog, calls: calls as unknown as CallLog };
}

/** Boots a config and serves it. Throws a ConfigError, or what opening the port throws. */
export async function start(file: string, options: StartOptions = {}): Promise<Backplane> {
  const { config, directory, kernel, models: checked, log, calls } = await prepare(file, options);
  const signals = new Signals(log);
  signals.add('core', accessLog(log, calls));
  for (const { plugin, observer } of kernel.observers) signals.add(plugin, observer);
  const emit = signals.emit.bind(signals);

  const memory = new MemoryBudget(config.memory.budget);
  // What a server that was killed has left behind.
  sweepTemporary();
  const models = new ModelRegistry(
    checked.map((model) => new Model(definition(model), { place, emit, log, directory, memory })),
  );
  const { server: settings } = config;
  const health = kernel.healthFormats.get(settings.health);
  const server = new Server({
    host: settings.host,
    port: settings.port,
    bodyLimit: settings.body_limit,
    hosts: settings.hosts,
    keepAliveMs: settings.keep_alive,
    corsOrigins: settings.cors.origins,
    openRoutes: settings.open_routes,
    ...(health && { health }),
    version,
    models,
    schemes: kernel.schemes,
    routes: kernel.routes,
    limiters: kernel.limiters,
    media: mediaSource(kernel.loaders),
    emit,
    log,
  });
  let url: string;
  try {
    url = await server.listen();
  } catch (thrown) {
    log.release();
    await kernel.dispose(settings.shutdown_grace);
    throw thrown;
  }

  let stopped: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    const begin = performance.now();
    const left = (): number => Math.max(settings.shutdown_grace - (performance.now() - begin), 1_000);
    const drained = await server.drain(settings.shutdown_grace);
    if (!drained)
      log.warn(
        { grace_ms: settings.shutdown_grace },
        'calls were still running at the end of the grace period and are ended',
      );
    await server.close();
    await Promise.all(models.all.map((model) => model.stop(left())));
    await kernel.dispose(left());
    log.info({}, 'Backplane has stopped');
  };
  // Deferred, so that what `listening` prints is the first line.
  const loading = Promise.withResolvers<void>();
  const backplane: Backplane = {
    url,
    config,
    log,
    loaded: loading.promise,
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
  options.listening?.(backplane);
  log.release();
  void Promise.all(models.all.map((model) => model.start())).then(() => loading.resolve());
  return backplane;
}

function definition({ backendKind, ...model }: CheckedModel): ModelDefinition {
  return { ...model, backend: backendKind };
}
