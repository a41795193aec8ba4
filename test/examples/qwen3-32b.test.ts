import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OldDocument } from '../clients/document.ts';
import { describeWithPython } from '../clients/python.ts';
import { qwen3Clients } from '../clients/qwen3-32b.ts';
import type { RunningServer } from '../server.ts';
import { serveExample } from './example.ts';
import { product, startUpstream, type UpstreamServer } from './upstreams.ts';

const model = 'Qwen3-32B';

describe(`examples/qwen3-32b.yaml in front of ${product}`, () => {
  let upstream: UpstreamServer;
  let server: RunningServer;
  beforeAll(async () => {
    upstream = await startUpstream({ model });
    server = await serveExample('qwen3-32b.yaml', { VLLM_URL: upstream.url });
  });
  afterAll(() => Promise.all([server?.stop(), upstream?.stop()]));

  qwen3Clients(() => server);

  test('a parameter of the wrong type is an error of the request', async () => {
    const body = JSON.stringify({ model, messages: 'hello' });
    const headers = { 'content-type': 'application/json' };
    const reply = await fetch(`${server.url}/v1/chat/completions`, { method: 'POST', headers, body });
    expect(reply.status).toBe(400);
    expect(await reply.json()).toMatchObject({ error: { type: 'invalid_request_error', code: 'invalid_request' } });
  });

  test('the operator sees in /metrics which upstream is up', async () => {
    const text = await (await fetch(`${server.url}/metrics`)).text();
    expect(text).toContain(`backplane_vllm_proxy_upstream_up{model="${model}",upstream="1"} 1`);
  });
});

/** A server that is still loading: 503 for so many calls, then an answer. Says nothing of when to come back. */
async function loading(calls: number): Promise<Server> {
  const server = createServer((request, response) => {
    request.resume();
    const busy = request.method === 'POST' && calls-- > 0;
    const body = busy
      ? { error: { message: 'Loading model', type: 'unavailable_error', param: null, code: 503 } }
      : { id: 'chatcmpl-1', object: 'chat.completion', choices: [{ index: 0, message: { content: 'at last' } }] };
    response.writeHead(busy ? 503 : 200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

describe('examples/qwen3-32b.yaml in front of a server that is still loading', () => {
  const document = new OldDocument('D-qwen3-32b.md');
  const robust = document.find('python', 'def robust_chat');

  async function serving(calls: number, run: (server: RunningServer) => Promise<void>): Promise<void> {
    const upstream = await loading(calls);
    const { port } = upstream.address() as AddressInfo;
    const server = await serveExample('qwen3-32b.yaml', { VLLM_URL: `http://127.0.0.1:${port}` });
    try {
      await run(server);
    } finally {
      await server.stop();
      upstream.close();
    }
  }

  test('clients are told to come back', () =>
    serving(Number.POSITIVE_INFINITY, async ({ url }) => {
      const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'hello' }] });
      const headers = { 'content-type': 'application/json' };
      const reply = await fetch(`${url}/v1/chat/completions`, { method: 'POST', headers, body });
      expect(reply.status).toBe(503);
      expect(reply.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
      expect(await reply.json()).toMatchObject({ error: { type: 'overloaded_error', code: 'not_ready' } });
    }));

  describeWithPython('with Python', () => {
    test("the document's client, which retries on 503, gets its answer", () =>
      // More than Backplane itself tries within one call.
      serving(4, async (server) => {
        const code = `${robust.code}\nprint(robust_chat("hello"))\n`;
        expect(await document.printed({ ...robust, code }, server)).toBe('at last\n');
        const statuses = server.lines.flatMap(({ route, status }) =>
          route === '/v1/chat/completions' ? [status] : [],
        );
        expect(statuses).toEqual([503, 200]);
      }));
  });
});
