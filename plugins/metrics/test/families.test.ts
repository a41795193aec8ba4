import type { Signal } from '@backplane/core/sdk';
import { expect, test } from 'vitest';
import { load } from './setup.ts';

const name = { model: 'm', backend: 'b' };

/** One signal at least for each family. */
const signals: Signal[] = [
  { type: 'instance_state', ...name, instance: 0, from: 'stopped', to: 'loading' },
  { type: 'instance_state', ...name, instance: 0, from: 'loading', to: 'ready', loadMs: 40_000 },
  { type: 'queued', call: 'c', ...name },
  { type: 'admitted', call: 'c', ...name, instance: 0, waitedMs: 5 },
  { type: 'output', call: 'c', ...name, first: true, sinceMs: 100 },
  { type: 'output', call: 'c', ...name, first: false, sinceMs: 50 },
  {
    type: 'settled',
    call: 'c',
    operation: 'chat',
    method: 'POST',
    route: '/v1/chat/completions',
    status: 200,
    outcome: 'ok',
    stream: true,
    totalMs: 150,
    ...name,
    finishReason: 'stop',
    usage: { promptTokens: 3, completionTokens: 2 },
  },
  {
    type: 'device',
    ...name,
    instance: 0,
    readings: {
      device: '0',
      memoryTotalBytes: 8e9,
      memoryUsedBytes: 4e9,
      utilization: 0.5,
      chipCelsius: 60,
      boardCelsius: 50,
      watts: 11,
    },
  },
  { type: 'auth_failed', call: 'd', scheme: 'Authorization', reason: 'wrong' },
];

test('families, types, labels and buckets are those that docs/metrics.md promises', async () => {
  const { emit, registry } = await load({ default_metrics: false });
  emit(...signals);
  const table = (await registry.getMetricsAsJSON()).map((family) => {
    const labels = new Set(family.values.flatMap(({ labels }) => Object.keys(labels)));
    const bounds = new Set(family.values.flatMap(({ labels }) => ('le' in labels ? [String(labels.le)] : [])));
    labels.delete('le');
    return `${family.type} ${family.name} {${[...labels].join(' ')}} ${[...bounds].join(' ')}`.trim();
  });
  expect(table).toEqual([
    'counter backplane_requests_total {model backend operation outcome finish_reason}',
    'gauge backplane_requests_running {model backend instance}',
    'gauge backplane_requests_waiting {model backend}',
    'histogram backplane_request_duration_seconds {model backend operation stream} 0.1 0.25 0.5 1 2 2.5 5 10 15 20 30 60 90 120 240 480 960 1920 +Inf',
    'histogram backplane_queue_seconds {model backend} 0.001 0.01 0.05 0.1 0.25 0.5 1 2 5 10 30 60 120 +Inf',
    'histogram backplane_time_to_first_token_seconds {model backend} 0.01 0.025 0.05 0.1 0.25 0.5 0.75 1 1.5 2 2.5 3 5 7.5 10 20 40 80 160 +Inf',
    'histogram backplane_inter_token_latency_seconds {model backend} 0.005 0.01 0.02 0.03 0.04 0.05 0.06 0.08 0.1 0.15 0.2 0.3 0.5 1 2.5 +Inf',
    'counter backplane_prompt_tokens_total {model backend}',
    'counter backplane_generation_tokens_total {model backend}',
    'counter backplane_cached_tokens_total {model backend}',
    'gauge backplane_instance_state {model backend instance state}',
    'counter backplane_instance_restarts_total {model backend instance}',
    'counter backplane_instance_unloads_total {model backend instance cause}',
    'histogram backplane_instance_load_seconds {model backend instance} 0.1 0.25 0.5 1 2.5 5 10 20 40 60 120 300 600 +Inf',
    'gauge backplane_device_memory_bytes {backend device kind}',
    'gauge backplane_device_utilization_ratio {backend device}',
    'gauge backplane_device_temperature_celsius {backend device sensor}',
    'gauge backplane_device_power_watts {backend device}',
    'counter backplane_auth_failures_total {scheme reason}',
    'gauge backplane_build_info {version node}',
  ]);
});
