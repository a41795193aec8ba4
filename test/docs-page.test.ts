import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { puppet, puppetConfig } from './puppet.ts';
import { type RunningServer, serve } from './server.ts';

interface Operation {
  readonly method: string;
  readonly path: string;
  readonly inPath: readonly string[];
  readonly body?: string;
  readonly fields?: readonly { readonly name: string; readonly required: boolean; readonly file: boolean }[];
}

/** The part of the page that knows no page. */
const requests = (await import(new URL('../core/assets/docs/requests.js', import.meta.url).href)) as {
  waysToSendKey(challenge: string): readonly { header: string; prefix: string }[];
  keyHeaders(way: { header: string; prefix: string }, key: string): Record<string, string>;
  operationsOf(document: object, model: string): readonly Operation[];
  filled(path: string, values: Record<string, string>): string;
};

const parts = ['/docs', '/docs/page.css', '/docs/page.js', '/docs/requests.js'];
const its = 'keys: [{ name: me, key: my-own-key }]';
const schemes = `{ ${its} }, { header: X-API-Key, prefix: ApiKey, ${its} }, { header: X-API-Key, ${its} }`;
const auth = `{ use: "@backplane/auth", config: { schemes: [${schemes}] } }`;

describe('the page at /docs', () => {
  let server: RunningServer;
  beforeAll(async () => {
    const config = puppetConfig('isolation: inline', '{}', 'open_routes: []').replace(
      '[./puppet.ts]',
      `[./puppet.ts, ${auth}]`,
    );
    server = await serve(config, { files: { 'puppet.ts': puppet }, early: true });
  });
  afterAll(() => server.stop());
  const get = (path: string, headers: Record<string, string> = {}) => fetch(server.url + path, { headers });

  test('opens without a key, and nothing else does', async () => {
    for (const path of parts) expect((await get(path)).status, path).toBe(200);
    for (const path of ['/openapi.json', '/health', '/ready', '/v1/models', '/docs/other', '/']) {
      expect((await get(path)).status, path).toBe(401);
    }
  });

  test('says nothing of this server', async () => {
    const texts = await Promise.all(parts.map(async (path) => (await get(path)).text()));
    expect(texts.join()).not.toMatch(/puppet|my-own-key/);
  });

  test('loads nothing from elsewhere, and the browser is told to see to that', async () => {
    for (const path of parts) {
      const reply = await get(path);
      const policy = reply.headers.get('content-security-policy') ?? '';
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("connect-src 'self'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toMatch(/unsafe|https?:|\*/);
      expect(reply.headers.get('x-content-type-options')).toBe('nosniff');
      expect(await reply.text()).not.toMatch(/\bhttps?:\/\/|\bstyle=|\bon\w+="|<script>|eval\(|innerHTML/);
    }
  });

  test('has every file that it names', async () => {
    const page = await (await get('/docs')).text();
    const named = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path as string);
    expect(named.sort()).toEqual(['/docs/page.css', '/docs/page.js']);
    expect((await get('/docs/page.js')).headers.get('content-type')).toMatch(/^text\/javascript/);
    // Every element that the script looks for.
    const script = await (await get('/docs/page.js')).text();
    for (const [, id] of script.matchAll(/\bat\('(\w+)'\)/g)) expect(page).toContain(`id="${id}"`);
  });

  test('sends a key in each of the ways that the server names, and they are taken', async () => {
    const challenge = (await get('/openapi.json')).headers.get('www-authenticate') ?? '';
    const ways = requests.waysToSendKey(challenge);
    expect(ways).toEqual([
      { header: 'Authorization', prefix: 'Bearer' },
      { header: 'X-API-Key', prefix: 'ApiKey' },
      { header: 'X-API-Key', prefix: '' },
    ]);
    for (const way of ways) {
      expect((await get('/openapi.json', requests.keyHeaders(way, 'my-own-key'))).status).toBe(200);
      expect((await get('/openapi.json', requests.keyHeaders(way, 'another'))).status).toBe(401);
    }
  });

  test('has a request for every route of the OpenAPI document, which the server understands as it stands', async () => {
    const headers = { authorization: 'Bearer my-own-key', 'content-type': 'application/json' };
    const document = (await (await get('/openapi.json', headers)).json()) as { paths: object };
    const operations = requests.operationsOf(document, 'm');
    expect(new Set(operations.map(({ path }) => path))).toEqual(new Set(Object.keys(document.paths)));
    const chat = operations.find(({ path }) => path === '/v1/chat/completions');
    const reply = await fetch(`${server.url}/v1/chat/completions`, { method: 'POST', headers, body: chat?.body ?? '' });
    expect(reply.status).toBe(200);
    expect(await reply.text()).toMatch(/\[DONE\]\n\n$/);
    const upload = operations.find(({ path }) => path === '/v1/audio/transcriptions');
    expect(upload?.fields).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ name: 'file', file: true, required: true }),
        expect.objectContaining({ name: 'model', file: false, value: 'm' }),
      ]),
    );
    const one = operations.find(({ path }) => path === '/v1/models/{model}');
    expect(one?.inPath).toEqual(['model']);
    expect(requests.filled('/v1/models/{model}', { model: 'org/a b' })).toBe('/v1/models/org/a%20b');
  });
});
