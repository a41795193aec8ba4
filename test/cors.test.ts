import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { puppet, puppetConfig } from './puppet.ts';
import { backplane, folder, type RunningServer, serve } from './server.ts';

const page = 'https://chat.example.com';
const preflight = (url: string, origin: string, path = '/v1/chat/completions') =>
  fetch(url + path, {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,content-type,x-stainless-os',
    },
  });
/** The headers by which a browser decides. */
const cors = ({ headers }: Response) =>
  Object.fromEntries([...headers].filter(([name]) => name.startsWith('access-control-') || name === 'vary'));

const servers: RunningServer[] = [];
afterAll(() => Promise.all(servers.map((server) => server.stop())));
async function guarded(settings: string): Promise<RunningServer> {
  const auth = '{ use: "@backplane/auth", config: { schemes: [{ keys: [{ name: web, key: sk-web-page }] }] } }';
  const config = puppetConfig('isolation: inline', '{}', settings).replace('[./puppet.ts]', `[${auth}, ./puppet.ts]`);
  const server = await serve(config, { files: { 'puppet.ts': puppet } });
  servers.push(server);
  return server;
}

describe('with an origin in server.cors.origins', () => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await guarded(`cors: { origins: [${page}] }`);
  });

  test('a preflight of its pages needs no key and grants the headers that it asks for', async () => {
    const answer = await preflight(server.url, page);
    expect(answer.status).toBe(204);
    expect(cors(answer)).toEqual({
      'access-control-allow-origin': page,
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': 'authorization,content-type,x-stainless-os',
      'access-control-expose-headers': '*',
      'access-control-max-age': '600',
      vary: 'Origin',
    });
  });

  test.each([
    ['an answer', { authorization: 'Bearer sk-web-page' }, { stream: false }, 200],
    ['a stream', { authorization: 'Bearer sk-web-page' }, { stream: true }, 200],
    ['an error about the request', { authorization: 'Bearer sk-web-page' }, { messages: 1 }, 400],
    ['a refusal', { authorization: 'Bearer wrong' }, {}, 401],
  ])('its pages may read %s', async (_what, headers, more, status) => {
    const answer = await fetch(`${server.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { origin: page, 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'say x' }], ...more }),
    });
    expect(answer.status).toBe(status);
    expect(answer.headers.get('access-control-allow-origin')).toBe(page);
    await answer.text();
  });

  test('its pages may read the list of models, and caches are told that the reply depends on the origin', async () => {
    const answer = await fetch(`${server.url}/v1/models`, {
      headers: { origin: page, authorization: 'Bearer sk-web-page' },
    });
    expect(answer.status).toBe(200);
    expect(cors(answer)).toMatchObject({ 'access-control-allow-origin': page, vary: 'Origin' });
  });

  test('a page from elsewhere is told nothing', async () => {
    const answer = await preflight(server.url, 'https://evil.example.com');
    expect(answer.status).toBe(401);
    expect(cors(answer)).toEqual({ vary: 'Origin' });
  });

  test('an OPTIONS that is no preflight is what it always was', async () => {
    const headers = { origin: page, authorization: 'Bearer sk-web-page' };
    expect((await fetch(`${server.url}/v1/models`, { method: 'OPTIONS', headers })).status).toBe(405);
    expect((await fetch(`${server.url}/nowhere`, { method: 'OPTIONS', headers })).status).toBe(404);
  });
});

test('with "*" pages of every origin may call, and still need a key', async () => {
  const { url } = await guarded('cors: { origins: ["*"] }');
  expect(cors(await preflight(url, 'null'))).toMatchObject({ 'access-control-allow-origin': '*' });
  const answer = await fetch(`${url}/v1/models`, { headers: { origin: page } });
  expect(answer.status).toBe(401);
  expect(answer.headers.get('access-control-allow-origin')).toBe('*');
});

test('without server.cors no page of another origin may call', async () => {
  const { url } = await guarded('');
  const answer = await preflight(url, page);
  expect(answer.status).toBe(401);
  expect(cors(answer)).toEqual({});
});

test('an address with a path is no origin, and the config is refused', async () => {
  const cwd = await folder({ 'config.yaml': `server: { cors: { origins: ["${page}/app"] } }\n` });
  const { code, stderr } = await backplane(['check', 'config.yaml'], { cwd });
  expect(code).toBe(2);
  expect(stderr).toContain('must be an origin such as https://chat.example.com');
});
