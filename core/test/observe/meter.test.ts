import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { createMeter } from '../../src/observe/meter.ts';

test('a plugin’s metrics carry its name and land in the registry of the server only', async () => {
  const registry = new Registry();
  const meter = createMeter(registry, 'vllm-proxy');
  meter.counter({ name: 'retries_total', help: 'Retries', labelNames: ['model'] }).inc({ model: 'ds' }, 2);
  meter.gauge({ name: 'up', help: 'Up' }).set(1);
  meter.histogram({ name: 'dial_seconds', help: 'Dial', buckets: [1] }).observe(0.5);
  const text = await registry.metrics();
  expect(text).toContain('backplane_vllm_proxy_retries_total{model="ds"} 2');
  expect(text).toContain('backplane_vllm_proxy_up 1');
  expect(text).toContain('backplane_vllm_proxy_dial_seconds_bucket{le="1"} 1');
  expect(await new Registry().metrics()).not.toContain('backplane_');
});

test.each([
  ['@acme/my-backend', 'backplane_acme_my_backend_up'],
  ['./my-backend.ts', 'backplane_my_backend_ts_up'],
])('the plugin name %s becomes a name that Prometheus takes', async (plugin, name) => {
  const registry = new Registry();
  createMeter(registry, plugin).gauge({ name: 'up', help: 'Up' });
  expect((await registry.getMetricsAsJSON()).map((family) => family.name)).toEqual([name]);
});

test('two plugins may use the same name, one plugin may not use it twice', () => {
  const registry = new Registry();
  createMeter(registry, 'a').gauge({ name: 'up', help: 'Up' });
  createMeter(registry, 'b').gauge({ name: 'up', help: 'Up' });
  expect(() => createMeter(registry, 'a').gauge({ name: 'up', help: 'Up' })).toThrow('backplane_a_up');
});
