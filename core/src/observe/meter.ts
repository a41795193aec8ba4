import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Meter } from '../sdk/index.ts';

/** Metrics named `backplane_<plugin>_…` in `registry`; a name that is not Prometheus' or is taken twice throws. */
export function createMeter(registry: Registry, plugin: string): Meter {
  // Package-like names (`@acme/my-plugin`) hold characters that Prometheus refuses.
  const prefix = `backplane_${plugin.replace(/[^a-zA-Z0-9]+/g, '_').replace(/^_|_$/g, '')}_`;
  const named = <C extends { name: string }>(config: C) => ({
    ...config,
    name: prefix + config.name,
    registers: [registry],
  });
  return {
    counter: (config) => new Counter(named(config)),
    gauge: (config) => new Gauge(named(config)),
    histogram: (config) => new Histogram(named(config)),
  };
}
