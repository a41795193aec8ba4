import type { FastifyPluginAsync } from 'fastify';
import type { Registry } from 'prom-client';
import type { z } from 'zod';
import type { AuthScheme } from './auth.ts';
import type { BackendKind } from './backend.ts';
import type { Examination } from './examination.ts';
import type { HealthFormat } from './health.ts';
import type { Limiter } from './limit.ts';
import type { MediaLoader } from './media.ts';
import type { Log, Meter, Observer } from './observe.ts';
import { type Token, token } from './token.ts';

/** Raised when a member of the contract is removed or changes meaning; additions do not raise it. */
export const apiVersion = 1;

/** What `setup` may do. The contributions are legal only while it runs, and the kernel undoes them on shutdown. */
export interface PluginContext {
  readonly log: Log;
  readonly meter: Meter;
  /** The folder of config.yaml: relative paths in a plugin's config are relative to it. */
  readonly directory: string;
  /** Aborts when shutdown starts. */
  readonly signal: AbortSignal;

  /** A kind of engine that models may name in `backend:`. */
  backend<S extends z.ZodType>(name: string, kind: BackendKind<S>): void;
  /** From the first scheme on, every route that does not say `open` needs a principal. */
  auth(name: string, scheme: AuthScheme): void;
  media(loader: MediaLoader): void;
  limit(limiter: Limiter): void;
  observe(observer: Observer): void;
  /**
   * HTTP routes, encapsulated as a Fastify plugin. Each needs a key unless its options say `config: { open: true }`.
   * Throw a `Failure` for an OpenAI-shaped error.
   */
  routes(plugin: FastifyPluginAsync): void;

  /** A form of `GET /health` that config.yaml may name in `server.health`. */
  health(name: string, format: HealthFormat): void;
  /** What `backplane doctor` asks of this plugin: whether what it needs of the machine is there. */
  examine(examination: Examination): void;

  /** Offers a service to plugins that name this one in `after`. Made on first use, once. */
  provide<T>(token: Token<T>, factory: () => T): void;
  /** Throws an error that names the service when nobody provides it. */
  use<T>(token: Token<T>): T;

  /** Runs on shutdown, last registered first, each bounded by the grace period. */
  onDispose(dispose: () => void | Promise<void>): void;
}

export interface Plugin<Schema extends z.ZodType = z.ZodType> {
  readonly name: string;
  /** The `apiVersion` of the contract this plugin was written for. */
  readonly apiVersion: number;
  /** Names of plugins that must be set up first, if they are loaded at all. Their order in config.yaml does not matter. */
  readonly after?: readonly string[];
  /** Checked before setup; also part of the JSON Schema of config.yaml. Its output must survive a structured clone. */
  readonly config: Schema;
  /**
   * Registers contributions; starts nothing and opens nothing, since `backplane check` runs it too, and every thread and
   * process of a backend runs it again.
   */
  setup(context: PluginContext, config: z.output<Schema>): void | Promise<void>;
}

/** Identity function: gives `config` in setup() the type that its schema produces. */
export function definePlugin<Schema extends z.ZodType>(plugin: Plugin<Schema>): Plugin<Schema> {
  return plugin;
}

/** The server's Prometheus registry: what every `meter` writes to and a metrics plugin shows. */
export const registry: Token<Registry> = token('registry');
