import { readFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import OpenAI from 'openai';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { chat, stream } from './chat.ts';
import { puppet, puppetConfig } from './puppet.ts';
import { describeWithRedis, freePort, type RunningRedis, redis } from './redis.ts';
import { backplane, folder, type RunningServer, serve } from './server.ts';

const down = 'The store of the rate limits does not answer';
const back = 'The store of the rate limits answers again';

const configOf = (limits: string, more = ''): string =>
  puppetConfig('isolation: inline', '{ slots: 300 }', 'shutdown_grace: 200ms').replace(
    'plugins: [./puppet.ts]',
    `plugins:
  - ./puppet.ts
  - "@backplane/metrics"
  - { use: "@backplane/rate-limit", config: { store: "\${STORE}", limits: ${limits}${more} } }`,
  );

const files = { 'puppet.ts': puppet };

const listening = (server: Server): Promise<number> =>
  new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });

describeWithRedis('limits counted in Redis', () => {
  let store: RunningRedis;
  let replicas: RunningServer[];
  beforeEach(async () => {
    replicas = [];
    store = await redis();
  });
  afterEach(async () => {
    for (const replica of replicas) await replica.stop();
    await store.kill();
  });

  async function replica(config: string, url = store.url): Promise<RunningServer> {
    const server = await serve(config, { files, env: { STORE: url } });
    replicas.push(server);
    return server;
  }

  const say = (server: RunningServer) => chat(server.url, 'say x');
  const statusOf = async (server: RunningServer) => (await say(server)).status;
  const metric = async ({ url }: RunningServer, name: string) =>
    (await (await fetch(`${url}/metrics`)).text()).split('\n').find((line) => line.startsWith(name));

  test('two servers share one limit exactly, with calls coming in through both at once', async () => {
    const config = configOf('[{ requests_per_minute: 100 }]');
    const [a, b] = await Promise.all([replica(config), replica(config)]);
    const calls = Array.from({ length: 300 }, (_, i) => statusOf(i % 2 === 0 ? a : b));
    const statuses = await Promise.all(calls);
    expect(statuses.filter((status) => status === 200)).toHaveLength(100);
    expect(statuses.filter((status) => status === 429)).toHaveLength(200);
  });

  test('what a call costs on one server is missing on the other', async () => {
    const config = configOf('[{ tokens_per_minute: 15 }]');
    const [a, b] = await Promise.all([replica(config), replica(config)]);
    expect((await chat(a.url, 'count 5')).status).toBe(200);
    // The charge is sent when the call is over, which its client may notice first.
    while (!(await store.tell('GET backplane:tokens:0:anonymous:m')).includes('\r\n15\r\n'));
    const refused = await say(b);
    expect(refused.status).toBe(429);
    expect(refused.headers.get('x-ratelimit-remaining-tokens')).toBe('0');
  });

  test('the OpenAI SDK that waits as it was told finds a new minute', async () => {
    const a = await replica(configOf('[{ requests_per_minute: 1 }]'));
    await say(a);
    await store.tell('PEXPIRE backplane:requests:0:anonymous:m 1500');
    let asked = 0;
    const openai = new OpenAI({
      baseURL: `${a.url}/v1`,
      apiKey: 'unused',
      maxRetries: 1,
      fetch: (...request: Parameters<typeof fetch>) => {
        asked++;
        return fetch(...request);
      },
    });
    const body = { model: 'm', messages: [{ role: 'user' as const, content: 'say x' }] };
    expect((await openai.chat.completions.create(body)).choices[0]?.message.content).toContain('x');
    expect(asked).toBe(2);
  });

  test('places for concurrent calls are shared, and come back when the calls end', async () => {
    const config = configOf('[{ concurrent: 2 }]');
    const [a, b] = await Promise.all([replica(config), replica(config)]);
    const gone = new AbortController();
    const held = [a, b].map((server) => running(server, gone.signal));
    const ends = (await Promise.all(held)).map(({ end }) => end);
    expect(await statusOf(a)).toBe(429);
    expect(await statusOf(b)).toBe(429);
    gone.abort();
    await Promise.all(ends);
    await Promise.all([a, b].map((server) => server.line(({ status }) => status === 499)));
    while (!(await store.tell('ZCARD backplane:concurrent:0:anonymous:m')).includes(':0'));
    expect(await statusOf(a)).toBe(200);
  });

  test('the places of a server that was killed come free when their lease is over', async () => {
    const config = configOf('[{ concurrent: 1 }]');
    const [a, b] = await Promise.all([replica(config), replica(config)]);
    const { end } = await running(a);
    a.signal('SIGKILL');
    await end;
    expect(await statusOf(b)).toBe(429);
    const places = await store.tell('ZRANGE backplane:concurrent:0:anonymous:m 0 -1 WITHSCORES');
    const [holder, until] = places.split('\r\n').filter((line) => /^[\w-]+:\d+$|^\d{13}$/.test(line));
    expect(Number(until) - Date.now()).toBeLessThanOrEqual(30_000);
    await store.tell(`ZADD backplane:concurrent:0:anonymous:m ${Date.now() - 1} ${holder}`);
    expect(await statusOf(b)).toBe(200);
  });

  test('a running call keeps its place when the store forgets everything', async () => {
    const config = configOf('[{ concurrent: 1 }]');
    const [a, b] = await Promise.all([replica(config), replica(config)]);
    const gone = new AbortController();
    const { end } = await running(a, gone.signal);
    await store.kill();
    await a.line(({ msg }) => msg === down);
    await store.start();
    await a.line(({ msg }) => msg === back);
    expect(await statusOf(b)).toBe(429);
    gone.abort();
    await end;
  });

  test('on_store_failure: open lets calls pass while the store is gone, says so once, and counts again after', async () => {
    const a = await replica(configOf('[{ requests_per_minute: 1 }]'));
    expect([await statusOf(a), await statusOf(a)]).toEqual([200, 429]);
    expect(await metric(a, 'backplane_rate_limit_store_up')).toBe('backplane_rate_limit_store_up 1');
    await store.kill();
    const answers = await Promise.all(Array.from({ length: 10 }, () => say(a)));
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200));
    expect(answers[0]?.headers.get('x-ratelimit-limit-requests')).toBeNull();
    expect(await a.line(({ msg }) => msg === down)).toMatchObject({ level: 'error', store: store.address });
    expect(await metric(a, 'backplane_rate_limit_store_up')).toBe('backplane_rate_limit_store_up 0');
    await store.start();
    await a.line(({ msg }) => msg === back);
    expect([await statusOf(a), await statusOf(a)]).toEqual([200, 429]);
    expect(await metric(a, 'backplane_rate_limit_store_up')).toBe('backplane_rate_limit_store_up 1');
    expect(a.lines.filter(({ msg }) => msg === down || msg === back)).toHaveLength(2);
  });

  test('on_store_failure: closed refuses calls with 503 and a sentence while the store is gone', async () => {
    const a = await replica(configOf('[{ requests_per_minute: 5 }]', ', on_store_failure: closed'));
    expect(await statusOf(a)).toBe(200);
    await store.kill();
    await a.line(({ msg }) => msg === down);
    const refused = await say(a);
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(await refused.json()).toMatchObject({
      error: {
        code: 'not_ready',
        message:
          'The rate limit of m cannot be checked, since the store of its counts does not answer; try again shortly.',
      },
    });
    expect(await metric(a, 'backplane_rate_limit_rejected_total')).toBe(
      'backplane_rate_limit_rejected_total{kind="store",model="m"} 1',
    );
    await store.start();
    await a.line(({ msg }) => msg === back);
    expect(await statusOf(a)).toBe(200);
  });

  test('a store that hangs delays no more than the calls that find it so', async () => {
    const a = await replica(configOf('[{ requests_per_minute: 5, concurrent: 5 }]'));
    expect(await statusOf(a)).toBe(200);
    store.signal('SIGSTOP');
    expect(await statusOf(a)).toBe(200);
    const { reason } = await a.line(({ msg }) => msg === down);
    expect(reason).toBe('there was no answer within 250 ms');
    const answers = await Promise.all(Array.from({ length: 20 }, () => statusOf(a)));
    expect(answers).toEqual(Array(20).fill(200));
    store.signal('SIGCONT');
    await a.line(({ msg }) => msg === back);
    expect((await say(a)).headers.get('x-ratelimit-limit-requests')).toBe('5');
  });

  test('a store that closes an idle connection is not down', async () => {
    const a = await replica(configOf('[{ requests_per_minute: 5 }]', ', on_store_failure: closed'));
    expect(await statusOf(a)).toBe(200);
    await store.tell('CLIENT KILL TYPE normal SKIPME yes');
    const answers = await Promise.all(Array.from({ length: 4 }, () => statusOf(a)));
    expect(answers).toEqual([200, 200, 200, 200]);
    expect(await statusOf(a)).toBe(429);
    expect(a.lines.filter(({ msg }) => msg === down)).toEqual([]);
  });

  test('nor is one that closes it just when it is asked', async () => {
    let closes = false;
    const between = createServer((socket) => {
      const { hostname, port } = new URL(store.url);
      const upstream = connect(Number(port), hostname, () => upstream.pipe(socket));
      for (const end of [socket, upstream]) end.on('error', () => {}).on('close', () => upstream.destroy());
      socket.on('data', (data) => {
        if (!closes) upstream.write(data);
        else socket.destroy();
        closes = false;
      });
    });
    const port = await listening(between);
    try {
      const url = store.url.replace(/:\d+$/, `:${port}`);
      const a = await replica(configOf('[{ requests_per_minute: 3 }]', ', on_store_failure: closed'), url);
      expect(await statusOf(a)).toBe(200);
      closes = true;
      const answers = await Promise.all(Array.from({ length: 3 }, () => statusOf(a)));
      expect(answers.toSorted()).toEqual([200, 200, 429]);
      expect(a.lines.filter(({ msg }) => msg === down)).toEqual([]);
    } finally {
      between.close();
    }
  });

  test('a server whose store was never there starts, and finds it when it comes', async () => {
    await store.kill();
    const a = await replica(configOf('[{ requests_per_minute: 1 }]'));
    expect([await statusOf(a), await statusOf(a)]).toEqual([200, 200]);
    expect(await a.line(({ msg }) => msg === down)).toMatchObject({ reason: expect.stringContaining('ECONNREFUSED') });
    await store.start();
    await a.line(({ msg }) => msg === back);
    expect([await statusOf(a), await statusOf(a)]).toEqual([200, 429]);
  });

  test('a wrong password is named as the reason, and no password is ever shown', async () => {
    const wrong = store.url.replace(store.password, 'canary-wrong-77');
    const a = await replica(configOf('[{ requests_per_minute: 1 }]'), wrong);
    expect(await statusOf(a)).toBe(200);
    const { reason } = await a.line(({ msg }) => msg === down);
    expect(reason).toContain('WRONGPASS');
    const everything = JSON.stringify(a.lines) + a.stderr() + (await (await fetch(`${a.url}/metrics`)).text());
    expect(everything).not.toContain('canary');
  });

  test('the end of the server leaves no place behind', async () => {
    const a = await replica(configOf('[{ concurrent: 3 }]'));
    await running(a);
    await a.stop();
    expect(await store.tell('ZCARD backplane:concurrent:0:anonymous:m')).toContain(':0');
  });
});

/** A call that makes output until `gone`; resolves when the first piece has come. */
async function running({ url }: RunningServer, gone?: AbortSignal): Promise<{ readonly end: Promise<unknown> }> {
  const begun = Promise.withResolvers<void>();
  const end = stream(
    url,
    'count 100000',
    {},
    {
      onData: (_body, hangUp) => {
        begun.resolve();
        if (gone?.aborted) hangUp();
      },
    },
  );
  await begun.promise;
  return { end };
}

test('backplane check opens no connection to the store', async () => {
  let connections = 0;
  const listener = createServer((socket) => {
    connections++;
    socket.destroy();
  });
  const port = await freePort();
  await new Promise<void>((resolve) => listener.listen(port, '127.0.0.1', resolve));
  const directory = await folder({ ...files, 'config.yaml': configOf('[{ requests_per_minute: 1 }]') });
  const env = { STORE: `redis://127.0.0.1:${port}` };
  const { code, stderr } = await backplane(['check', join(directory, 'config.yaml')], { env });
  await new Promise((resolve) => listener.close(resolve));
  expect({ code, stderr, connections }).toEqual({ code: 0, stderr: '', connections: 0 });
});

test('a store that is no URL is refused without being shown when it came from the environment', async () => {
  const directory = await folder({ ...files, 'config.yaml': configOf('[{ requests_per_minute: 1 }]') });
  const env = { STORE: 'redis//:canary-password@cache' };
  const { code, stdout, stderr } = await backplane(['check', join(directory, 'config.yaml')], { env });
  expect(code).not.toBe(0);
  expect(stdout + stderr).toContain('The store is memory, or a URL');
  expect(stdout + stderr).not.toContain('canary');
});

test('the config in docs/rate-limits.md is a valid one', async () => {
  const page = await readFile(new URL('../docs/rate-limits.md', import.meta.url), 'utf8');
  const [, yaml] = /^```yaml\n(.*?)^```$/ms.exec(page) ?? [];
  const directory = await folder({ 'config.yaml': yaml as string });
  const env = { WEB_KEY: 'key-of-the-web', BATCH_KEY: 'key-of-batch', RATE_LIMIT_STORE: 'redis://:x@cache:6379' };
  const { code, stderr } = await backplane(['check', join(directory, 'config.yaml')], { env });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
});
