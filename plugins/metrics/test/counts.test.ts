import type { InstanceState, Settled, Signal } from '@backplane/core/sdk';
import { expect, test } from 'vitest';
import { load } from './setup.ts';

const name = { model: 'qwen3-14b', backend: 'llamacpp' };
const labels = 'model="qwen3-14b",backend="llamacpp"';

const settled = (changes: Partial<Settled> = {}): Settled => ({
  type: 'settled',
  call: 'c',
  operation: 'chat',
  method: 'POST',
  route: '/v1/chat/completions',
  status: 200,
  outcome: 'ok',
  stream: true,
  totalMs: 1500,
  ...name,
  instance: 0,
  usage: { promptTokens: 20, completionTokens: 3, cachedTokens: 16 },
  finishReason: 'stop',
  ...changes,
});

const streamed: Signal[] = [
  { type: 'received', call: 'c', operation: 'chat' },
  { type: 'queued', call: 'c', ...name },
  { type: 'admitted', call: 'c', ...name, instance: 0, waitedMs: 300 },
  { type: 'output', call: 'c', ...name, first: true, sinceMs: 800 },
  { type: 'output', call: 'c', ...name, first: false, sinceMs: 45 },
  { type: 'output', call: 'c', ...name, first: false, sinceMs: 55 },
  { type: 'released', call: 'c', ...name, instance: 0 },
  settled(),
];

test('one streamed call is counted with its tokens and each of its times, in seconds', async () => {
  const { emit, samples } = await load({ default_metrics: false });
  emit(...streamed);
  expect(await samples(/^backplane_requests_total/)).toEqual([
    `backplane_requests_total{${labels},operation="chat",outcome="ok",finish_reason="stop"} 1`,
  ]);
  expect(await samples(/tokens_total/)).toEqual([
    `backplane_prompt_tokens_total{${labels}} 20`,
    `backplane_generation_tokens_total{${labels}} 3`,
    `backplane_cached_tokens_total{${labels}} 16`,
  ]);
  expect(await samples(/_seconds_(sum|count)/)).toEqual([
    `backplane_request_duration_seconds_sum{${labels},operation="chat",stream="true"} 1.5`,
    `backplane_request_duration_seconds_count{${labels},operation="chat",stream="true"} 1`,
    `backplane_queue_seconds_sum{${labels}} 0.3`,
    `backplane_queue_seconds_count{${labels}} 1`,
    `backplane_time_to_first_token_seconds_sum{${labels}} 0.8`,
    `backplane_time_to_first_token_seconds_count{${labels}} 1`,
    `backplane_inter_token_latency_seconds_sum{${labels}} 0.1`,
    `backplane_inter_token_latency_seconds_count{${labels}} 2`,
  ]);
});

test('calls add up per outcome, operation and finish reason', async () => {
  const { emit, samples } = await load({ default_metrics: false });
  emit(settled(), settled(), settled({ finishReason: 'length' }), settled({ operation: 'completions', stream: false }));
  const { finishReason: _, usage: __, ...cut } = settled({ status: 499, outcome: 'cancelled', code: 'cancelled' });
  emit(cut);
  expect(await samples(/^backplane_requests_total/)).toEqual([
    `backplane_requests_total{${labels},operation="chat",outcome="ok",finish_reason="stop"} 2`,
    `backplane_requests_total{${labels},operation="chat",outcome="ok",finish_reason="length"} 1`,
    `backplane_requests_total{${labels},operation="completions",outcome="ok",finish_reason="stop"} 1`,
    `backplane_requests_total{${labels},operation="chat",outcome="cancelled",finish_reason="none"} 1`,
  ]);
  expect(await samples(/request_duration_seconds_count.*stream="false"/)).toHaveLength(1);
});

test('waiting and running follow calls through the queue', async () => {
  const { emit, samples } = await load({ default_metrics: false });
  const levels = async () =>
    (await samples(/^backplane_requests_(running|waiting)/)).map(
      (line) => line.split('{')[0]?.slice(19) + line.slice(line.lastIndexOf(' ')),
    );
  emit({ type: 'queued', call: 'a', ...name }, { type: 'queued', call: 'b', ...name });
  expect(await levels()).toEqual(['waiting 2']);
  emit({ type: 'admitted', call: 'a', ...name, instance: 0, waitedMs: 0 });
  expect(await levels()).toEqual(['running 1', 'waiting 1']);
  emit({ type: 'dequeued', call: 'b', ...name });
  expect(await levels()).toEqual(['running 1', 'waiting 0']);
  emit({ type: 'released', call: 'a', ...name, instance: 0 });
  expect(await levels()).toEqual(['running 0', 'waiting 0']);
});

test('a call that left the queue without a slot has no queue time', async () => {
  const { emit, samples } = await load({ default_metrics: false });
  emit({ type: 'queued', call: 'a', ...name }, { type: 'dequeued', call: 'a', ...name });
  expect(await samples(/queue_seconds_count/)).toEqual([]);
});

test('signals that come twice, or late, or without the one before never make a gauge negative or keep it high', async () => {
  const { emit, samples } = await load({ default_metrics: false });
  emit(
    { type: 'released', call: 'a', ...name, instance: 0 },
    { type: 'dequeued', call: 'a', ...name },
    { type: 'admitted', call: 'a', ...name, instance: 0, waitedMs: 0 },
    { type: 'released', call: 'a', ...name, instance: 0 },
    { type: 'released', call: 'a', ...name, instance: 0 },
  );
  expect(await samples(/^backplane_requests_(running|waiting)/)).toEqual([
    `backplane_requests_running{${labels},instance="0"} 0`,
    `backplane_requests_waiting{${labels}} 0`,
  ]);
  emit({ type: 'queued', call: 'b', ...name }, { type: 'admitted', call: 'b', ...name, instance: 0, waitedMs: 0 });
  expect(await samples(/^backplane_requests_(running|waiting)/)).toEqual([
    `backplane_requests_running{${labels},instance="0"} 1`,
    `backplane_requests_waiting{${labels}} 0`,
  ]);
});

const state = (instance: number, to: InstanceState, more: object = {}): Signal => ({
  type: 'instance_state',
  ...name,
  instance,
  from: 'stopped',
  to,
  ...more,
});

test('an instance is in exactly one state, and its loads and restarts are counted', async () => {
  const { emit, samples } = await load({ default_metrics: false });
  const current = async () =>
    (await samples(/^backplane_instance_state.* 1$/)).map((line) =>
      /instance="(\d)",state="(\w+)"/.exec(line)?.slice(1),
    );
  emit(state(0, 'loading'), state(1, 'loading'));
  expect(await current()).toEqual([
    ['0', 'loading'],
    ['1', 'loading'],
  ]);
  emit(state(0, 'ready', { loadMs: 41_000 }), state(1, 'failed', { reason: 'out of memory' }));
  expect(await current()).toEqual([
    ['0', 'ready'],
    ['1', 'failed'],
  ]);
  expect(await samples(/restarts_total/)).toEqual([
    `backplane_instance_restarts_total{${labels},instance="0"} 0`,
    `backplane_instance_restarts_total{${labels},instance="1"} 0`,
  ]);
  emit(state(1, 'loading', { restart: true }), state(1, 'ready', { loadMs: 60_000 }));
  expect(await samples(/restarts_total/)).toContain(`backplane_instance_restarts_total{${labels},instance="1"} 1`);
  expect(await samples(/load_seconds_sum/)).toEqual([
    `backplane_instance_load_seconds_sum{${labels},instance="0"} 41`,
    `backplane_instance_load_seconds_sum{${labels},instance="1"} 60`,
  ]);
});

test('a model shows zeros from its first loading on, before anybody called it', async () => {
  const { emit, samples } = await load({ default_metrics: false });
  emit(state(0, 'loading'));
  expect(await samples(/tokens_total|requests_(waiting|running)/)).toEqual([
    `backplane_requests_running{${labels},instance="0"} 0`,
    `backplane_requests_waiting{${labels}} 0`,
    `backplane_prompt_tokens_total{${labels}} 0`,
    `backplane_generation_tokens_total{${labels}} 0`,
    `backplane_cached_tokens_total{${labels}} 0`,
  ]);
});

test('refused keys are counted per header and reason', async () => {
  const { emit, samples } = await load({ default_metrics: false });
  emit(
    { type: 'auth_failed', call: 'a', scheme: 'Authorization', reason: 'wrong' },
    { type: 'auth_failed', call: 'b', scheme: 'Authorization', reason: 'wrong' },
    { type: 'auth_failed', call: 'c', scheme: 'none', reason: 'missing' },
  );
  expect(await samples(/auth_failures/)).toEqual([
    'backplane_auth_failures_total{scheme="Authorization",reason="wrong"} 2',
    'backplane_auth_failures_total{scheme="none",reason="missing"} 1',
  ]);
});

test('nothing that a client chose becomes a label, however many calls name models that do not exist', async () => {
  const { emit, samples } = await load({ default_metrics: false });
  for (let i = 0; i < 100; i++) {
    emit({
      type: 'settled',
      call: `canary-${i}`,
      operation: 'chat',
      method: 'POST',
      route: '/v1/chat/completions',
      status: 404,
      outcome: 'client_error',
      stream: false,
      totalMs: 1,
      principal: `canary-${i}`,
      code: 'model_not_found',
      reason: `The model canary-${i} does not exist`,
    });
  }
  expect(await samples(/^backplane_requests_total/)).toEqual([
    'backplane_requests_total{model="_unknown",backend="_unknown",operation="chat",outcome="client_error",finish_reason="none"} 100',
  ]);
  expect(await samples(/canary/)).toEqual([]);
});
