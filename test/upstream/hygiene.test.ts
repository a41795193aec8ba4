import { createServer, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningServer, serve } from '../server.ts';
import { completion, events } from './faults.ts';
import { chunk, eventsHead, type FaultyUpstream, faulty, json, lastChunk, reply } from './faulty.ts';
import { post } from './wire.ts';

/** The upstream's key, the client's key, and what must stay with each. */
const upstreamKey = 'sk-upstream-canary-1f0c';
const clientKey = 'sk-client-canary-77ab';

const leaky = [
  'Set-Cookie: session=upstream-cookie-canary',
  'Server: engine-canary/9',
  'X-Upstream-Secret: header-canary',
];
const models = ['m', 'renamed', 'separate'] as const;

let upstream: FaultyUpstream;
/** Listens where only a fooled proxy would go. */
let elsewhere: Server;
let dialled = 0;
let server: RunningServer;
beforeAll(async () => {
  elsewhere = createServer((socket) => {
    dialled++;
    socket.destroy();
  });
  await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
  upstream = await faulty(({ body }) => (socket) => {
    const { messages, stream } = JSON.parse(body) as { messages: [{ content: string }]; stream?: boolean };
    const [verb, status = ''] = (messages[0].content ?? '').split(' ');
    const echo = `{"error":{"message":"bad key ${upstreamKey}","type":"t","param":null,"code":"${upstreamKey}"}}`;
    if (verb === 'refuse') socket.write(json(echo, `${status} Refused`, leaky));
    else if (verb === 'redirect')
      socket.write(reply(`${status} Moved`, [`Location: ${otherUrl()}/v1/chat/completions`], ''));
    else if (stream !== true) socket.write(json(verb === 'complain' ? echo : completion, '200 OK', leaky));
    else {
      const head = eventsHead.replace(/\r\n\r\n$/, `\r\n${leaky.join('\r\n')}\r\n\r\n`);
      const body = verb === 'complain' ? `data: ${echo}\n\ndata: [DONE]\n\n` : events;
      socket.write(Buffer.concat([Buffer.from(head), chunk(body), Buffer.from(lastChunk)]));
    }
  });
  const options = (more = '') =>
    `options: { upstreams: [{ url: ${upstream.url}, key: ${upstreamKey}${more} }], eject: { failures: 1000 } } }`;
  server = await serve(`server: { port: 0, hosts: [elsewhere.example] }
log: { level: debug }
plugins:
  - "@backplane/vllm-proxy"
  - use: "@backplane/auth"
    config: { schemes: [{ keys: [{ name: tests, key: ${clientKey} }] }] }
models:
  - { id: m, backend: vllm, ${options()}
  - { id: renamed, backend: vllm, ${options(', model: m')}
  - { id: separate, backend: vllm, reasoning: separate, ${options(', model: m')}`);
});
afterAll(async () => {
  await server.stop();
  await upstream.close();
  await new Promise((resolve) => elsewhere.close(resolve));
});

function otherUrl(): string {
  const address = elsewhere.address();
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
}

function ask(model: string, content: string, more: object = {}, headers: readonly string[] = [], target?: string) {
  const path = target ?? '/v1/chat/completions';
  return post(
    server.url,
    path,
    { model, messages: [{ role: 'user', content }], ...more },
    {
      headers: [`Authorization: Bearer ${clientKey}`, ...headers],
    },
  );
}

describe.each(models)('behind %s', (model) => {
  test.each([
    false,
    true,
  ])('nothing of the client but its request reaches the upstream (stream: %s)', async (stream) => {
    const arrived = upstream.next();
    const mine = [
      'Cookie: a=client-cookie-canary',
      'X-Api-Key: client-canary',
      'Proxy-Authorization: Basic client-canary',
      'X-Forwarded-For: 203.0.113.9',
      'Forwarded: for=203.0.113.9',
      'Accept-Encoding: gzip, br',
      'TE: trailers',
      'Upgrade: h2c',
      'Keep-Alive: timeout=9',
      'X-Custom: client-canary',
      'OpenAI-Organization: client-canary',
      'User-Agent: client-canary',
    ];
    const answer = await ask(model, 'go', { stream }, mine);
    expect(answer.status).toBe(200);
    const { headers, head } = await arrived;
    expect(Array.from(headers.keys()).sort()).toEqual(
      ['accept', 'accept-encoding', 'authorization', 'connection', 'content-length', 'content-type', 'host'].sort(),
    );
    expect(headers.get('authorization')).toBe(`Bearer ${upstreamKey}`);
    expect(headers.get('accept-encoding')).toBe('identity');
    expect(head).not.toMatch(/client|203\.0\.113/);
  });

  test.each([false, true])('nothing of the upstream but its answer reaches the client (stream: %s)', async (stream) => {
    const { status, head, body } = await ask(model, 'go', { stream });
    expect(status).toBe(200);
    expect(head + body).not.toMatch(/canary/);
    expect(head).not.toMatch(/^(?:set-cookie|server|x-upstream)/im);
  });

  test.each([
    'refuse 400',
    'refuse 401',
    'refuse 403',
    'refuse 429',
    'refuse 500',
    'refuse 503',
    'complain',
  ])('the upstream’s key is in no answer to "%s", though the upstream says it', async (content) => {
    for (const stream of [false, true]) {
      const { status, head, body } = await ask(model, content, { stream });
      expect(status).toBeGreaterThanOrEqual(400);
      expect(status).not.toBe(401);
      expect(status).not.toBe(403);
      expect(head + body).not.toMatch(/canary/);
      expect(JSON.parse(body).error.message).toMatch(/\w/);
    }
  });

  test.each([301, 302, 303, 307, 308])('a redirect is not followed (%i)', async (status) => {
    expect((await ask(model, `redirect ${status}`)).status).toBe(502);
    expect((await ask(model, `redirect ${status}`, { stream: true })).status).toBe(502);
    expect(dialled).toBe(0);
  });

  test('a client cannot choose the upstream', async () => {
    const url = otherUrl();
    const host = new URL(url).host;
    const fields = [
      'api_base',
      'base_url',
      'upstream',
      'upstreams',
      'url',
      'endpoint',
      'server',
      'proxy',
      'host',
      'api_key',
    ];
    for (const field of fields) await ask(model, 'go', { [field]: url });
    const names = [
      'X-Forwarded-Host',
      'X-Forwarded-Server',
      'X-Upstream',
      'X-Original-URL',
      'X-Rewrite-URL',
      'Forwarded',
      'Location',
    ];
    for (const name of names) await ask(model, 'go', {}, [`${name}: ${name === 'Forwarded' ? `host=${host}` : url}`]);
    await ask(model, 'go', {}, [], `${url}/v1/chat/completions`);
    await ask(model, 'go', {}, ['Host: elsewhere.example']);
    await ask(model, 'go', {}, [], `//${host}/v1/chat/completions`);
    await ask(model, 'go', {}, [], `/v1/chat/completions?api_base=${encodeURIComponent(url)}`);
    await ask(model, 'go', {}, [], '/v1/chat/completions/../../admin');
    await ask(`${url}/m`, 'go');
    expect(dialled).toBe(0);
    expect(new Set(upstream.requests.map(({ line }) => line))).toEqual(new Set(['POST /v1/chat/completions']));
    expect(new Set(upstream.requests.map(({ headers }) => headers.get('host')))).toEqual(
      new Set([new URL(upstream.url).host]),
    );
  });
});

test('no key, and nothing that an upstream said in secret, is in the log', async () => {
  await server.line(({ outcome }) => outcome !== undefined);
  expect(server.lines.length).toBeGreaterThan(50);
  expect(JSON.stringify(server.lines) + server.stderr()).not.toMatch(/canary/);
});
