import type { Observer, PluginContext, Signal } from '@backplane/core/sdk';
import fastify, { type FastifyInstance, type FastifyPluginAsync } from 'fastify';
import { Registry } from 'prom-client';
import metrics from '../src/index.ts';

export interface Loaded {
  readonly server: FastifyInstance;
  readonly registry: Registry;
  emit(...signals: Signal[]): void;
  /** The samples whose line matches, as Prometheus would read them. */
  samples(pattern: RegExp): Promise<string[]>;
}

/** Runs the plugin's own check of `config` and its own setup, and serves its routes on a real Fastify. */
export async function load(config: unknown = {}): Promise<Loaded> {
  const registry = new Registry();
  const observers: Observer[] = [];
  const plugins: FastifyPluginAsync[] = [];
  const context: Pick<PluginContext, 'use' | 'observe' | 'routes'> = {
    use: <T>() => registry as T,
    observe: (observer) => void observers.push(observer),
    routes: (plugin) => void plugins.push(plugin),
  };
  const checked = metrics.config.parse(config);
  await metrics.setup(context as PluginContext, checked);
  const server = fastify();
  for (const plugin of plugins) server.register(plugin);
  return {
    server,
    registry,
    emit: (...signals) => {
      for (const signal of signals) for (const observer of observers) observer(signal);
    },
    samples: async (pattern) => {
      const { body } = await server.inject({ url: checked.path });
      return body.split('\n').filter((line) => !line.startsWith('#') && pattern.test(line));
    },
  };
}
