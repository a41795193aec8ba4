import type { RouteOptions } from 'fastify';
import { expect, test } from 'vitest';
import { load } from './setup.ts';

test('GET /metrics answers in the format that Prometheus asks for', async () => {
  const { server } = await load();
  const reply = await server.inject({ url: '/metrics' });
  expect(reply.statusCode).toBe(200);
  expect(reply.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(reply.body).toMatch(/^backplane_build_info\{version="\d+\.\d+\.\d+",node="\d+\.\d+\.\d+"\} 1$/m);
  expect(reply.body).toContain('\nprocess_resident_memory_bytes ');
  expect(reply.body).toContain('\nnodejs_eventloop_lag_seconds ');
});

test('the path and the default metrics are the operator’s choice', async () => {
  const { server } = await load({ path: '/internal/metrics', default_metrics: false });
  expect((await server.inject({ url: '/metrics' })).statusCode).toBe(404);
  const { statusCode, body } = await server.inject({ url: '/internal/metrics' });
  expect(statusCode).toBe(200);
  expect(body).not.toMatch(/^(nodejs|process)_/m);
});

test.each([
  [{}, false],
  [{ open: true }, true],
])('with %j the route says open: %s, which is what auth goes by', async (config, open) => {
  const { server } = await load(config);
  const routes: RouteOptions[] = [];
  server.addHook('onRoute', (route) => void routes.push(route));
  await server.ready();
  expect(routes.filter((route) => route.url === '/metrics').map((route) => route.config)).toEqual(
    routes.map(() => expect.objectContaining({ open })),
  );
  expect(routes).not.toHaveLength(0);
});

test.each([[{ path: 'metrics' }], [{ open: 'yes' }], [{ prefix: 'vllm' }]])('%j is refused', async (config) => {
  await expect(load(config)).rejects.toThrow();
});
