import type { FastifyPluginAsync } from 'fastify';
import type {
  AuthScheme,
  BackendKind,
  Examination,
  HealthFormat,
  Limiter,
  MediaLoader,
  Observer,
  Plugin,
} from '../sdk/index.ts';

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

export interface ContributedHealth {
  readonly plugin: string;
  readonly format: HealthFormat;
}

export interface Disposer {
  readonly plugin: string;
  readonly run: () => void | Promise<void>;
}

/** What all plugins of a kernel contributed so far. */
export class Contributions {
  readonly backends = new Map<string, Backend>();
  readonly schemes: { readonly name: string; readonly scheme: AuthScheme }[] = [];
  readonly loaders: MediaLoader[] = [];
  readonly limiters: Limiter[] = [];
  readonly observers: { readonly plugin: string; readonly observer: Observer }[] = [];
  readonly routes: { readonly plugin: string; readonly routes: FastifyPluginAsync }[] = [];
  readonly examinations: { readonly plugin: string; readonly examine: Examination }[] = [];
  readonly healthFormats = new Map<string, ContributedHealth>();
  readonly disposers: Disposer[] = [];
}
