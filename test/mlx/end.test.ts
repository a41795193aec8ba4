import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { chat, stream } from '../chat.ts';
import { writeScriptedMlx } from '../scripted/mlx.ts';
import { folder, serve } from '../server.ts';
import { describeMlx, engines, groupOf, mlxConfig, mlxModel, until } from './engine.ts';

describeMlx('the end of mlx_lm.server', () => {
  let directory: string;
  let config: string;
  beforeAll(async () => {
    directory = await folder({});
    const endless = join(directory, 'endless');
    await writeScriptedMlx(endless, { chain: [' on', ' and'], loop: true, contextLength: 10_000_000 });
    config = mlxConfig(mlxModel('m', endless, '', 'restart: { backoff: 100ms }'));
  });
  afterAll(() => rm(directory, { recursive: true }));

  test('in the middle of a stream is an error event and a cut connection, and the model comes back by itself', async () => {
    const server = await serve(config);
    const [engine] = engines(server);
    const cut = await stream(
      server.url,
      'go',
      {},
      { onData: (body) => body.includes(' and') && engine && killed(engine.pid) },
    );
    expect(cut).toMatchObject({ done: false, whole: false, error: { code: 'backend_failed' } });
    expect(cut.error?.message).toContain('mlx_lm.server was killed by SIGKILL');
    await until(async () => (await chat(server.url, 'go', { max_tokens: 3 })).ok);
    const [next] = engines(server);
    expect(next?.pid).not.toBe(engine?.pid);
    expect(groupOf(engine?.group as number)).toEqual([]);
    await server.stop();
  });

  test('before an answer that is not streamed is whole is a 502 that says so', async () => {
    const server = await serve(config);
    const [engine] = engines(server);
    // The warm-up has said the same; killed before it works on this, the engine is replaced and the call waits for the next.
    const said = server.lines.length;
    const answer = chat(server.url, 'go');
    await server.line((line) => server.lines.indexOf(line) >= said && /Prompt processing progress/.test(line.msg));
    killed(engine?.pid as number);
    const response = await answer;
    expect(response.status).toBe(502);
    expect(await response.text()).toContain('was killed by SIGKILL');
    await server.stop();
  });

  test('comes when Backplane was killed with SIGKILL', async () => {
    const server = await serve(config);
    const [engine] = engines(server);
    const cut = stream(server.url, 'go', {}, { onData: (body) => body.includes(' and') && server.signal('SIGKILL') });
    await server.exited;
    await cut;
    await until(() => groupOf(engine?.group as number).length === 0);
  });

  test('comes after the running stream when Backplane gets a SIGTERM', async () => {
    const server = await serve(config);
    const [engine] = engines(server);
    let told = false;
    const answer = await stream(
      server.url,
      'go',
      { max_tokens: 2_000 },
      {
        onData: (body) => {
          if (!told && body.includes(' and')) server.signal('SIGTERM');
          told ||= body.includes(' and');
        },
      },
    );
    expect(answer).toMatchObject({ done: true, whole: true });
    expect(answer.text.split(/(?= )/)).toHaveLength(2_000);
    expect(await server.exited).toEqual({ code: 0, signal: null });
    expect(groupOf(engine?.group as number)).toEqual([]);
  });

  test('comes while it still loads when Backplane gets a SIGTERM', async () => {
    const server = await serve(config, { early: true });
    await until(() => engines(server).length > 0);
    const [engine] = engines(server);
    expect(await server.stop()).toEqual({ code: 0, signal: null });
    expect(groupOf(engine?.group as number)).toEqual([]);
  });
});

function killed(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It was.
  }
}
