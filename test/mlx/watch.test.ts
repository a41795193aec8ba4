import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '@backplane/core/sdk';
import type { ChildMetrics } from '@backplane/core/upstream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MlxInstance } from '../../plugins/mlx/src/instance.ts';
import { options } from '../../plugins/mlx/src/options.ts';
import { chat, stream } from '../chat.ts';
import { writeScriptedMlx } from '../scripted/mlx.ts';
import { folder, serve } from '../server.ts';
import { describeMlx, engines, mlxConfig, mlxModel, python, until } from './engine.ts';

const silent: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const again = 'restart: { backoff: 100ms }';

describeMlx('mlx_lm.server is watched', () => {
  let directory: string;
  let scripted: string;
  let endless: string;
  beforeAll(async () => {
    directory = await folder({});
    scripted = join(directory, 'scripted');
    endless = join(directory, 'endless');
    await writeScriptedMlx(scripted);
    await writeScriptedMlx(endless, { chain: [' on', ' and'], loop: true, contextLength: 10_000_000 });
  });
  afterAll(() => rm(directory, { recursive: true }));

  test('one that stands still in the middle of an answer fails it and is replaced', async () => {
    const server = await serve(mlxConfig(mlxModel('m', endless, 'timeouts: { idle: 2s }', again)));
    const [engine] = engines(server);
    let stopped = false;
    const onData = (body: string): void => {
      if (stopped || !body.includes(' and')) return;
      stopped = true;
      process.kill(engine?.pid as number, 'SIGSTOP');
    };
    const cut = await stream(server.url, 'go', {}, { onData });
    expect(cut).toMatchObject({ done: false, whole: false, error: { code: 'timeout' } });
    expect(cut.error?.message).toContain('fell silent in the middle of its reply');
    await server.line(({ reason }) => /had work and gave no sign of life for \d+ s/.test(String(reason)));
    await until(async () => (await chat(server.url, 'go', { max_tokens: 3 })).ok);
    expect(engines(server).map(({ pid }) => pid)).not.toContain(engine?.pid);
    await server.stop();
  });

  test('one that does not take up a call fails it and is replaced', async () => {
    const server = await serve(mlxConfig(mlxModel('m', endless, 'timeouts: { first_byte: 2s }', again)));
    const [engine] = engines(server);
    process.kill(engine?.pid as number, 'SIGSTOP');
    expect((await chat(server.url, 'go')).status).toBe(504);
    await until(async () => (await chat(server.url, 'go', { max_tokens: 3 })).ok);
    await server.stop();
  });

  test('one that dies while nothing is asked of it says so by itself', async () => {
    const spec = { id: 'm', options: options.parse({ path: scripted, python }), directory };
    const metrics = { watch() {}, forget() {} } as unknown as ChildMetrics;
    let pid: unknown;
    const log: Log = {
      ...silent,
      info: (fields) => {
        pid = (fields as { readonly pid?: unknown }).pid;
      },
    };
    const instance = new MlxInstance(spec, { log, index: 0, metrics });
    await instance.load(AbortSignal.timeout(60_000));
    process.kill(pid as number, 'SIGKILL');
    // Nobody asks after its health here.
    expect(await instance.ended).toContain('mlx_lm.server was killed by SIGKILL');
    await instance.unload();
  });

  test('the memory of each is measured', async () => {
    const config = mlxConfig(mlxModel('m', scripted, '', 'instances: 2')).replace(
      '["@backplane/mlx"]',
      '["@backplane/mlx", "@backplane/metrics"]',
    );
    const server = await serve(config);
    const page = await (await fetch(`${server.url}/metrics`)).text();
    for (const instance of ['0', '1']) {
      const [, bytes] =
        new RegExp(`^backplane_mlx_child_resident_bytes\\{model="m",instance="${instance}"\\} (\\d+)$`, 'm').exec(
          page,
        ) ?? [];
      expect(Number(bytes)).toBeGreaterThan(30e6);
      expect(Number(bytes)).toBeLessThan(1e9);
    }
    await server.stop();
  });

  test('a prompt that is too long for the model is refused before the engine is asked, with the numbers', async () => {
    const server = await serve(mlxConfig(mlxModel('m', scripted)));
    const taken = server.lines.length;
    for (const [prompt, more, sentence] of [
      [
        'rack fan lamp '.repeat(1_000),
        {},
        /context is 2048 tokens, but the prompt alone has \d{4,}: shorten the messages/,
      ],
      // What is far too long is not counted to its end.
      [
        'rack fan lamp '.repeat(100_000),
        {},
        /context is 2048 tokens, but the prompt alone has at least \d{4,}: shorten the messages/,
      ],
      ['go', { max_tokens: 2_040 }, /the prompt has \d+ and max_tokens asks for 2040 more \(\d{4} together\)/],
    ] as const) {
      for (const streamed of [false, true]) {
        const response = await chat(server.url, prompt, { ...more, stream: streamed });
        expect(response.status).toBe(400);
        const { error } = (await response.json()) as { readonly error: { readonly message: string } };
        expect(error).toMatchObject({ code: 'context_length_exceeded', param: 'messages' });
        expect(error.message).toMatch(sentence);
      }
    }
    expect(server.lines.slice(taken).filter(({ msg }) => /POST \/v1\/chat/.test(msg) && /mlx_lm/.test(msg))).toEqual(
      [],
    );
    // What it counts is what the engine counts.
    const { usage } = (await (await chat(server.url, 'go', { max_tokens: 3 })).json()) as {
      readonly usage: { readonly prompt_tokens: number };
    };
    const fits = await chat(server.url, 'go', { max_tokens: 2_048 - usage.prompt_tokens });
    expect(fits.status).toBe(200);
    expect((await chat(server.url, 'go', { max_tokens: 2_049 - usage.prompt_tokens })).status).toBe(400);
    await server.stop();
  });
});
