import { Counter, Gauge, type Registry } from 'prom-client';
import * as buckets from './buckets.ts';
import { Histogram } from './histogram.ts';
import { Late } from './late.ts';

/** Every metric of the server's own, registered in `registry` under the names and labels that docs/metrics.md lists. */
export function createFamilies(registry: Registry) {
  const model = ['model', 'backend'] as const;
  const instance = [...model, 'instance'] as const;
  const device = ['backend', 'device'] as const;

  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Counter({ name: `backplane_${name}`, help, labelNames, registers: [registry] });
  const lateCounter = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Late((collect) => new Counter({ name: `backplane_${name}`, help, labelNames, registers: [registry], collect }));
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Gauge({ name: `backplane_${name}`, help, labelNames, registers: [registry] });
  const lateGauge = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Late((collect) => new Gauge({ name: `backplane_${name}`, help, labelNames, registers: [registry], collect }));
  const histogram = (name: string, help: string, labelNames: readonly string[], bounds: readonly number[]) =>
    new Histogram(registry, `backplane_${name}`, help, labelNames, bounds);

  return {
    requests: lateCounter('requests_total', 'Requests that have ended', [
      ...model,
      'operation',
      'outcome',
      'finish_reason',
    ]),
    running: lateGauge('requests_running', 'Calls that hold a slot of an instance', instance),
    waiting: lateGauge('requests_waiting', 'Calls that wait for a slot', model),
    duration: histogram(
      'request_duration_seconds',
      'From the arrival of a request to its end',
      [...model, 'operation', 'stream'],
      buckets.requestDuration,
    ),
    queue: histogram('queue_seconds', 'Wait of a call for its slot', model, buckets.queue),
    firstToken: histogram(
      'time_to_first_token_seconds',
      'From the arrival of a request to its first output',
      model,
      buckets.timeToFirstToken,
    ),
    interToken: histogram(
      'inter_token_latency_seconds',
      'Between two pieces of output of a call',
      model,
      buckets.interTokenLatency,
    ),
    promptTokens: lateCounter('prompt_tokens_total', 'Prompt tokens, cached ones included', model),
    generationTokens: lateCounter('generation_tokens_total', 'Generated tokens', model),
    cachedTokens: lateCounter('cached_tokens_total', 'Prompt tokens that came from the KV cache', model),
    state: gauge('instance_state', '1 for the state that the instance is in, 0 for the others', [...instance, 'state']),
    restarts: counter('instance_restarts_total', 'Loads that followed a crash or a failed load', instance),
    unloads: counter('instance_unloads_total', 'Instances that were unloaded', [...instance, 'cause']),
    load: histogram('instance_load_seconds', 'From the creation of an instance to ready', instance, buckets.load),
    deviceMemory: gauge('device_memory_bytes', "An accelerator's memory", [...device, 'kind']),
    deviceUtilization: gauge('device_utilization_ratio', 'How busy an accelerator is, 0 to 1', device),
    deviceTemperature: gauge('device_temperature_celsius', 'Of an accelerator', [...device, 'sensor']),
    devicePower: gauge('device_power_watts', 'What an accelerator draws', device),
    authFailures: counter('auth_failures_total', 'Requests refused for their credentials', ['scheme', 'reason']),
    build: gauge('build_info', 'Always 1; the versions are in the labels', ['version', 'node']),
  };
}

export type Families = ReturnType<typeof createFamilies>;
