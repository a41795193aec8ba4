import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { puppet, puppetConfig } from './puppet.ts';
import { type RunningServer, serve } from './server.ts';

const canary = 'canary-key-5f1c';
let server: RunningServer;
beforeAll(async () => {
  const plugins = `plugins:
  - ./puppet.ts
  - use: "@backplane/metrics"
  - use: "@backplane/auth"
    config:
      schemes:
        - { keys: [{ name: ops, key: "\${OPS_KEY}" }] }
        - { header: X-API-Key, keys: [{ name: edge, key: edge-key-123, models: [other] }] }`;
  const config = puppetConfig('isolation: inline').replace('plugins: [./puppet.ts]', plugins);
  const other = `  - { id: other, backend: puppet }\n`;
  server = await serve(config + other, { files: { 'puppet.ts': puppet }, env: { OPS_KEY: canary } });
});
afterAll(() => server.stop());

function raw(head: string): Promise<string> {
  const { hostname, port } = new URL(server.url);
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(Number(port), hostname, () => socket.write(`${head}\r\nConnection: close\r\n\r\n`));
    socket.on('data', (data) => {
      answer += data;
    });
    socket.on('close', () => resolve(answer));
  });
}

const get = (path: string, headers: Record<string, string> = {}) => fetch(`${server.url}${path}`, { headers });

describe('without a key', () => {
  test('the answer is the body that deployment C has today, with a challenge', async () => {
    const answer = await get('/v1/models', { authorization: 'Bearer wrong' });
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toContain('Bearer');
    expect(await answer.text()).toBe(
      '{"error":{"message":"Invalid API key","type":"authentication_error","param":null,"code":"invalid_api_key"}}',
    );
  });

  test.each([
    '/v1/models',
    '/v1/models/m',
    '/metrics',
    '/openapi.json',
    '/nothing/here',
    '/v1/chat/completions',
    '//v1/models',
  ])('%s is closed', async (path) => {
    expect((await get(path)).status).toBe(401);
  });

  test('no spelling of a path opens it', async () => {
    for (const target of [
      '/%76%31/models',
      `${server.url}/v1/models`,
      '/v1/models/',
      '/v1//models',
      '/V1/models',
      '/v1/models?x=/health',
    ]) {
      expect(await raw(`GET ${target} HTTP/1.1\r\nHost: localhost`), target).toMatch(/^HTTP\/1.1 401 /);
    }
  });

  test('a second Authorization header opens nothing', async () => {
    const both = await raw(
      `GET /v1/models HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${canary}\r\nAuthorization: Bearer x`,
    );
    expect(both).toMatch(/^HTTP\/1.1 401 /);
  });

  test('/health says one word and /ready yes or no', async () => {
    expect(await (await get('/health')).json()).toEqual({ status: 'ok' });
    expect(await (await get('/ready')).json()).toEqual({ ready: true });
  });
});

describe('with a key', () => {
  test('the names are shown', async () => {
    const health = await (await get('/health', { authorization: `Bearer ${canary}` })).json();
    expect(health).toMatchObject({ status: 'ok', models: { m: { state: 'ready' }, other: { state: 'ready' } } });
  });

  test('that is for some models only, the others do not exist', async () => {
    const headers = { 'x-api-key': 'edge-key-123' };
    const list = (await (await get('/v1/models', headers)).json()) as { data: { id: string }[] };
    expect(list.data.map(({ id }) => id)).toEqual(['other']);
    expect((await get('/v1/models/m', headers)).status).toBe(404);
  });
});

test('no key and no prompt is in any log line or metric', async () => {
  const prompt = 'say canary-prompt-77';
  await fetch(`${server.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${canary}` },
    body: JSON.stringify({ model: 'm', messages: [{ role: 'user', content: prompt }] }),
  });
  await fetch(`${server.url}/v1/chat/completions?key=${canary}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${canary}` },
    body: `{"model":"m","messages":"${prompt}`,
  });
  await raw(`GET /v1/models?key=${canary} HTTP/1.1\r\nAuthorization Bearer ${canary}`);
  const metrics = await (await get('/metrics', { authorization: `Bearer ${canary}` })).text();
  await server.line(({ principal, status }) => principal === 'ops' && status === 400);
  const everything = JSON.stringify(server.lines) + server.stderr() + metrics;
  expect(everything).toContain('backplane_requests_total');
  expect(everything).not.toContain(canary);
  expect(everything).not.toContain('canary-prompt');
});
