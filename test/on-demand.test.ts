import { writeFile } from 'node:fs/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { chat, stream } from './chat.ts';
import { puppet, puppetConfig } from './puppet.ts';
import { type LogLine, type RunningServer, type ServeOptions, serve } from './server.ts';

let server: RunningServer | undefined;
afterEach(async () => {
  await server?.stop();
  server = undefined;
});

/** One puppet model m that is loaded on demand. */
async function onDemand(
  settings: string,
  options = '{ slots: 2 }',
  more: Partial<ServeOptions> = {},
): Promise<RunningServer> {
  const config = puppetConfig(settings, options).replace('plugins: [', 'plugins: ["@backplane/metrics", ');
  server = await serve(config, { files: { 'puppet.ts': puppet }, ...more });
  return server;
}

interface Health {
  readonly status: string;
  readonly models: {
    readonly m: { readonly state: string; readonly on_demand: { readonly idle_seconds: number | null } };
  };
}

async function get<T>(path: string): Promise<T> {
  return (await (await fetch(`${server?.url}${path}`)).json()) as T;
}
const stateOf = async (): Promise<string> => (await get<Health>('/health')).models.m.state;
const facts = async () => (await get<{ backplane: Record<string, unknown> }>('/v1/models/m')).backplane;
const is = (state: string) => (line: LogLine) => line.state === state;
const loads = (): number => server?.lines.filter(is('loading')).length ?? 0;

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 10));
}

describe('a model that is loaded on demand', () => {
  test('is not loaded at the start, and is no reason not to be ready', async () => {
    await onDemand('on_demand: true');
    expect(await get('/ready')).toEqual({ ready: true });
    expect(await get('/health')).toMatchObject({
      status: 'ok',
      models: { m: { state: 'unloaded', on_demand: { idle_seconds: null } } },
    });
    expect(await facts()).toMatchObject({ state: 'unloaded', context_length: null, slots: null });
    expect(loads()).toBe(0);
  });

  test('is loaded once for all the calls that come for it, and they wait for it', async () => {
    const { url, directory } = await onDemand('on_demand: true', '{ slots: 2, load: gated }');
    const answers = [1, 2, 3, 4, 5].map(() => chat(url, 'say x'));
    const streamed = stream(url, 'count 3');
    await until(async () => (await stateOf()) === 'loading');
    expect(await get('/ready')).toEqual({ ready: true });
    expect(await get('/health')).toMatchObject({ status: 'ok' });
    await writeFile(`${directory}/go`, '');
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(await streamed).toMatchObject({ text: '1 2 3 ', done: true });
    expect(loads()).toBe(1);
    expect(await get('/health')).toMatchObject({ models: { m: { state: 'ready', on_demand: { idle_seconds: 0 } } } });
  });

  test('is unloaded when no call was here for idle_timeout, never before, and loaded again', async () => {
    const { url, line, lines } = await onDemand('on_demand: { idle_timeout: 100ms }');
    expect(await stream(url, 'count 100')).toMatchObject({ done: true });
    const unloading = await line(is('unloading'));
    expect(unloading).toMatchObject({ model: 'm', cause: 'idle', msg: 'm instance 0 is unloading' });
    expect(lines.findIndex(({ outcome }) => outcome === 'ok')).toBeLessThan(lines.indexOf(unloading));
    await until(async () => (await stateOf()) === 'unloaded');
    // What was learnt of it stays known.
    expect(await facts()).toMatchObject({ state: 'unloaded', context_length: 1000, slots: 2 });
    expect((await chat(url, 'say x')).status).toBe(200);
    expect(loads()).toBe(2);
  });

  test('is not loaded for a request that cannot be served anyway', async () => {
    const { url, line } = await onDemand('on_demand: { idle_timeout: 1ms }');
    await chat(url, 'say x');
    await line(is('unloaded'));
    await until(async () => (await stateOf()) === 'unloaded');
    expect((await chat(url, 'say x', { temperature: 0.5 })).status).toBe(400);
    expect(loads()).toBe(1);
  });

  test('stays while a client has not taken its whole answer', async () => {
    const { url } = await onDemand('on_demand: { idle_timeout: 1ms }');
    let seen = '';
    await stream(
      url,
      'flood 20000',
      {},
      {
        onData: (body, hangUp) => {
          if (body.length < 1_000_000) return;
          seen = server?.lines.some(is('unloading')) ? 'unloaded' : 'there';
          hangUp();
        },
      },
    );
    expect(seen).toBe('there');
    await server?.line(is('unloaded'));
  });

  test('fills the silence of its first load with comments, for those who asked for a stream', async () => {
    const config = puppetConfig(
      'on_demand: true\nunsupported: ignore',
      '{ slots: 2, load: gated }',
      'keep_alive: 50ms',
    );
    server = await serve(config, { files: { 'puppet.ts': puppet } });
    const { url, directory } = server;
    const commented = (): { readonly come: Promise<void>; readonly onData: (body: string) => void } => {
      const { promise, resolve } = Promise.withResolvers<void>();
      return { come: promise, onData: (body) => body.includes(': keep-alive') && resolve() };
    };
    const [good, bad] = [commented(), commented()];
    const answer = stream(url, 'say one two', { logprobs: true }, good);
    // A request is read when the model can say what it takes.
    const refused = stream(url, 'say one', { max_tokens: 'many' }, bad);
    const plain = chat(url, 'say one');
    await Promise.all([good.come, bad.come]);
    await writeFile(`${directory}/go`, '');
    expect(await answer).toMatchObject({ status: 200, text: 'one two ', done: true, whole: true });
    expect((await answer).body).toMatch(/^(?:: keep-alive\n\n)+data: /);
    expect(await refused).toMatchObject({
      status: 200,
      events: [{ error: { code: 'invalid_request', param: 'max_tokens' } }],
      done: false,
      whole: false,
    });
    expect((await plain).status).toBe(200);
  });

  test('is not loaded for a call that is over its limit, an upload neither', async () => {
    const limits =
      '{ use: "@backplane/rate-limit", config: { limits: [{ per: [principal], requests_per_minute: 1 }] } }';
    const config = `${puppetConfig('on_demand: true').replace('plugins: [', `plugins: [${limits}, `)}
  - { id: other, backend: puppet, on_demand: true }`;
    server = await serve(config, { files: { 'puppet.ts': puppet } });
    expect((await chat(server.url, 'say x')).status).toBe(200);
    expect((await chat(server.url, 'say x', { model: 'other' })).status).toBe(429);
    const form = new FormData();
    form.append('model', 'other');
    form.append('file', new Blob(['sound']), 'a.wav');
    for (const path of ['/v1/audio/transcriptions', '/v1/media/describe']) {
      expect((await fetch(server.url + path, { method: 'POST', body: form })).status, path).toBe(429);
    }
    expect(loads()).toBe(1);
  });

  test('answers 503 with Retry-After to those who waited for load_timeout, and goes on loading', async () => {
    const { url, directory, line } = await onDemand('on_demand: { load_timeout: 200ms }', '{ load: gated }');
    const refused = await chat(url, 'say x');
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('5');
    expect(await refused.json()).toMatchObject({
      error: { code: 'not_ready', message: 'm is not running: it is still loading' },
    });
    await writeFile(`${directory}/go`, '');
    await line(is('ready'));
    expect((await chat(url, 'say x')).status).toBe(200);
    expect(loads()).toBe(1);
  });

  test('refuses more callers than its queue takes while it loads', async () => {
    const { url, directory } = await onDemand('on_demand: true\nqueue: { size: 2 }', '{ load: gated }');
    const statuses: number[] = [];
    const calls = [1, 2, 3, 4, 5].map(async () => statuses.push((await chat(url, 'say x')).status));
    await until(async () => statuses.length === 3);
    expect(statuses).toEqual([503, 503, 503]);
    await writeFile(`${directory}/go`, '');
    await Promise.all(calls);
    expect(statuses.slice(3)).toEqual([200, 200]);
  });

  test('is given up when it cannot be loaded, like any other', async () => {
    const { url, line } = await onDemand('on_demand: true\nrestart: { backoff: 1ms, limit: 1 }', '{ load: fail }', {
      early: true,
    });
    const answer = await chat(url, 'say x');
    await line(({ reason }) => /is not started again/.test(String(reason)));
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ error: { message: expect.stringContaining('made of sand') } });
    expect(await get('/health')).toMatchObject({ status: 'failed', models: { m: { state: 'failed' } } });
    expect((await fetch(`${url}/ready`)).status).toBe(503);
    expect((await chat(url, 'say x')).status).toBe(503);
    expect(loads()).toBe(2);
  });

  test('is started again after a crash, while a call waits for it', async () => {
    const { url } = await onDemand('on_demand: true\nisolation: process\nrestart: { backoff: 1ms }');
    expect((await stream(url, 'crash 2')).done).toBe(false);
    expect((await chat(url, 'say x')).status).toBe(200);
    expect(loads()).toBe(2);
  });

  test('is unloaded when the server stops', async () => {
    const { url, lines, stop } = await onDemand('on_demand: true\nisolation: process');
    await chat(url, 'say x');
    expect(await stop()).toMatchObject({ code: 0 });
    expect(lines.find(is('unloading'))).toMatchObject({ cause: 'shutdown' });
    expect(lines.filter(({ state }) => state).map(({ state }) => state)).toEqual([
      'unloaded',
      'loading',
      'ready',
      'unloading',
      'stopped',
    ]);
  });

  test('is counted by metrics as it comes and goes', async () => {
    const { url, line } = await onDemand('on_demand: { idle_timeout: 1ms }');
    await chat(url, 'say x');
    await line(is('unloaded'));
    await until(async () => (await stateOf()) === 'unloaded');
    const metrics = await (await fetch(`${url}/metrics`)).text();
    const labels = 'model="m",backend="puppet",instance="0"';
    expect(metrics).toContain(`backplane_instance_unloads_total{${labels},cause="idle"} 1`);
    expect(metrics).toContain(`backplane_instance_unloads_total{${labels},cause="memory"} 0`);
    expect(metrics).toContain(`backplane_instance_load_seconds_count{${labels}} 1`);
    expect(metrics).toContain(`backplane_instance_state{${labels},state="unloaded"} 1`);
    expect(metrics).toContain(`backplane_instance_restarts_total{${labels}} 0`);
  });
});
