import { createRequire } from 'node:module';
import type { Registry } from 'prom-client';
import type { Meter } from '../sdk/index.ts';

/** Loaded when something is measured: a server without metrics need not pay for it. */
const client = (): typeof import('prom-client') => createRequire(import.meta.url)('prom-client');

export function createRegistry(): Registry {
  return new (client().Registry)();
}

/** Which plugins are loaded, for whoever reads the registry. */
export function showPlugins(
  registry: Registry,
  plugins: readonly { readonly name: string; readonly use: string }[],
): void {
  const info = new (client().Gauge)({
    name: 'backplane_plugin_info',
    help: 'Loaded plugins, always 1',
    labelNames: ['name', 'use'],
    registers: [registry],
  });
  for (const { name, use } of plugins) info.set({ name, use }, 1);
}

/** Metrics named `backplane_<plugin>_…` in `registry`; a name that is not Prometheus' or is taken twice throws. */
export function createMeter(registry: Registry, plugin: string): Meter {
  // Package-like names (`@acme/my-plugin`) hold characters that Prometheus refuses.
  const prefix = `backplane_${plugin.replace(/[^a-zA-Z0-9]+/g, '_').replace(/^_|_$/g, '')}_`;
  const named = <C extends { name: string }>(config: C) => ({
    ...config,
    name: prefix + config.name,
    registers: [registry],
  });
  const { Counter, Gauge, Histogram } = client();
  return {
    counter: (config) => new Counter(named(config)),
    gauge: (config) => new Gauge(named(config)),
    histogram: (config) => new Histogram(named(config)),
  };
}
