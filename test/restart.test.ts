import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chat, stream } from './chat.ts';
import { puppet, puppetConfig } from './puppet.ts';
import { type RunningServer, serve } from './server.ts';

interface Instance {
  readonly instance: number;
  readonly state: string;
  readonly reason?: string;
}

async function health(server: RunningServer) {
  const body = (await (await fetch(`${server.url}/health`)).json()) as {
    status: string;
    models: { m: { state: string; instances: Instance[] } };
  };
  return { status: body.status, ...body.models.m };
}

describe('two instances, each in a process of its own', () => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await serve(puppetConfig('isolation: process\ninstances: 2'), { files: { 'puppet.ts': puppet } });
  });
  afterAll(() => server.stop());

  test('a crash in mid-answer ends that answer visibly, leaves the other alone, and heals', async () => {
    const other = stream(server.url, 'count 100', { tools: [] });
    const crashed = await stream(server.url, 'crash 3');
    expect(crashed).toMatchObject({ text: '1 2 3 ', done: false, whole: false });
    expect(crashed.error?.code).toBe('backend_failed');
    expect(crashed.error?.message).toMatch(/^instance [01] of m failed: its process was killed by SIGKILL$/);
    const during = await health(server);
    expect(during.status).toBe('degraded');
    expect(during.instances.map(({ state }) => state).sort()).toEqual(expect.arrayContaining(['ready']));
    expect(during.instances.find(({ reason }) => reason)?.reason).toMatch(/killed by SIGKILL; it starts again in \d/);
    expect(await other).toMatchObject({ done: true, whole: true });
    await server.line(({ msg, restart }) => restart === true && /is loading/.test(msg));
    while ((await health(server)).status !== 'ok');
  });

  test('a call whose instance crashed before the client was told anything is answered by the other, once', async () => {
    const answers = await Promise.all([chat(server.url, 'crash-first'), chat(server.url, 'crash-first')]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    while ((await health(server)).status !== 'ok');
    const halves = await Promise.all([chat(server.url, 'crash 3 first'), chat(server.url, 'crash 3 first')]);
    for (const half of halves) {
      // What the broken instance had said is in neither the answer nor its usage.
      expect(await half.json()).toMatchObject({
        choices: [{ message: { content: '1 2 3 4 ' } }],
        usage: { prompt_tokens: 10, completion_tokens: 4 },
      });
    }
    while ((await health(server)).status !== 'ok');
    const poison = await chat(server.url, 'crash');
    expect(poison.status).toBe(502);
    expect(await poison.json()).toMatchObject({ error: { type: 'backend_error', code: 'backend_failed' } });
  });
});

test('an instance that keeps failing is given up, and every call and probe says why', async () => {
  const config = puppetConfig('restart: { backoff: 10ms, limit: 2 }', '{ load: fail }');
  const server = await serve(config, { files: { 'puppet.ts': puppet }, early: true });
  await server.line(({ reason }) => /is not started again/.test(String(reason)));
  const reason = 'the weights are made of sand; it failed 3 times within 300 s and is not started again';
  expect(await health(server)).toMatchObject({ status: 'failed', state: 'failed', instances: [{ reason }] });
  expect((await fetch(`${server.url}/ready`)).status).toBe(503);
  const answer = await chat(server.url, 'say x');
  expect(answer.status).toBe(503);
  expect(answer.headers.get('retry-after')).not.toBeNull();
  expect(await answer.json()).toMatchObject({ error: { code: 'not_ready', message: `m is not running: ${reason}` } });
  await server.stop();
});

test('a call that comes while the model loads waits for it', async () => {
  const server = await serve(puppetConfig('isolation: inline', '{ load: gated }'), {
    files: { 'puppet.ts': puppet },
    early: true,
  });
  expect(await health(server)).toMatchObject({ status: 'loading' });
  expect(await (await fetch(`${server.url}/ready`)).json()).toEqual({ ready: false, loading: ['m'] });
  const answer = chat(server.url, 'say x');
  const { writeFile } = await import('node:fs/promises');
  await writeFile(`${server.directory}/go`, '');
  expect((await answer).status).toBe(200);
  expect(await (await fetch(`${server.url}/ready`)).json()).toEqual({ ready: true });
  await server.stop();
});
