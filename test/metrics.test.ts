import { afterAll, beforeAll, expect, test } from 'vitest';
import { stream } from './chat.ts';
import { puppet, puppetConfig } from './puppet.ts';
import { type RunningServer, serve } from './server.ts';

let upstream: RunningServer;
let server: RunningServer;
beforeAll(async () => {
  upstream = await serve(puppetConfig('isolation: inline', '{ slots: 4 }'), { files: { 'puppet.ts': puppet } });
  server = await serve(`plugins: ["@backplane/metrics", "@backplane/vllm-proxy"]
models: [{ id: m, backend: vllm, options: { upstreams: [{ url: ${upstream.url} }, { url: ${upstream.url} }] } }]`);
});
afterAll(async () => {
  await server.stop();
  await upstream.stop();
});

const metrics = async () => (await fetch(`${server.url}/metrics`)).text();

test('a relayed call counts its tokens, its wait and its upstream', async () => {
  await stream(server.url, 'count 5', { stream_options: { include_usage: true } });
  await server.line(({ status, lane }) => status === 200 && lane === 'relay');
  const text = await metrics();
  expect(text).toContain(
    'backplane_requests_total{model="m",backend="vllm",operation="chat",outcome="ok",finish_reason="none"} 1',
  );
  expect(text).toContain('backplane_generation_tokens_total{model="m",backend="vllm"} 5');
  expect(text).toContain('backplane_inter_token_latency_seconds_count{model="m",backend="vllm"} 1');
  expect(text).toContain('backplane_time_to_first_token_seconds_count{model="m",backend="vllm"} 1');
  expect(text).toMatch(/backplane_vllm_proxy_upstream_requests_total\{model="m",upstream="[12]",outcome="ok"\} 1/);
  expect(text).toContain('backplane_vllm_proxy_upstream_up{model="m",upstream="2"} 1');
});

test('the plugins that are loaded are shown', async () => {
  expect(await metrics()).toContain('backplane_plugin_info{name="vllm-proxy",use="@backplane/vllm-proxy"} 1');
});
