import { rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { ChildServer, freePort } from '@backplane/core/upstream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openaiServers } from '../../plugins/mlx/src/openai-server.ts';
import { type OpenaiServerOptions, options } from '../../plugins/mlx/src/options.ts';
import { chat, stream } from '../chat.ts';
import { writeScriptedMlx } from '../scripted/mlx.ts';
import { folder, serve } from '../server.ts';
import { describeOpenaiServer, engines, groupOf, mlxConfig, serverModel, serverPython, until } from './engine.ts';

const log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
const once = 'restart: { limit: 0 }';

describeOpenaiServer('mlx-openai-server', () => {
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

  /** The reason that a model is not served, as a client reads it. */
  async function reason(model: string): Promise<string> {
    const server = await serve(mlxConfig(model), { early: true });
    try {
      const response = await chat(server.url, 'go');
      expect(response.status).toBe(503);
      expect(engines(server)).toEqual([]);
      return ((await response.json()) as { readonly error: { readonly message: string } }).error.message;
    } finally {
      await server.stop();
    }
  }

  test('whose model has no weights fails with its reason, although it ends with exit code 0', async () => {
    const broken = join(directory, 'broken');
    await writeScriptedMlx(broken);
    await rm(join(broken, 'model.safetensors'));
    const said = await reason(serverModel('m', 'lm', broken, '', once));
    expect(said).toMatch(/mlx-openai-server could not go on: .*safetensors/);
    expect(said).not.toContain(directory);
  });

  test('that has no key of this name in its version fails with a sentence that says so', async () => {
    expect(await reason(serverModel('m', 'lm', scripted, 'arguments: { max_concurrencyy: 2 }', once))).toMatch(
      /options\.arguments\.max_concurrencyy is no key of a model in mlx-openai-server 1\./,
    );
  });

  test('that is not in the environment fails with a sentence that says how to get it', async () => {
    const model = serverModel('m', 'lm', scripted, '', once).replace(serverPython, 'python3');
    expect(await reason(model)).toMatch(/has no mlx-openai-server: with Python 3\.11 or 3\.12, /);
  });

  test('takes another port when its own was taken by a server that says it is well', async () => {
    const asked: (string | undefined)[] = [];
    const occupant = createServer((request, response) => {
      asked.push(request.url);
      response.end('{"status":"ok"}');
    });
    await new Promise<void>((resolve) => occupant.listen(0, '127.0.0.1', resolve));
    const ports = [(occupant.address() as AddressInfo).port, await freePort()];
    const free = ports[1];
    const { program, release } = await openaiServers.lm.launch({
      interpreter: serverPython,
      options: options.parse({ engine: 'mlx-openai-server', path: scripted }) as OpenaiServerOptions,
      directory,
      version: '1.8.1',
      signal: AbortSignal.timeout(60_000),
    });
    const child = new ChildServer({ ...program, port: async () => ports.shift() as number }, log);
    await child.start(AbortSignal.timeout(120_000));
    expect(child.origin).toBe(`http://127.0.0.1:${free}`);
    expect(asked).toEqual([]);
    await child.stop(10_000);
    await release?.();
    occupant.close();
  });

  test('killed in the middle of a stream is an error event and a cut connection, and comes back', async () => {
    const server = await serve(mlxConfig(serverModel('m', 'lm', endless, '', 'restart: { backoff: 100ms }')));
    const [engine] = engines(server);
    let killed = false;
    const onData = (body: string): void => {
      if (killed || !body.includes(' and')) return;
      killed = true;
      process.kill(engine?.pid as number, 'SIGKILL');
    };
    const cut = await stream(server.url, 'go', {}, { onData });
    expect(cut).toMatchObject({ done: false, whole: false, error: { code: 'backend_failed' } });
    expect(cut.error?.message).toContain('mlx-openai-server was killed by SIGKILL');
    await until(async () => (await chat(server.url, 'go', { max_tokens: 3 })).ok);
    // With the process of its model, which would have seen it only after ten seconds.
    expect(groupOf(engine?.group as number)).toEqual([]);
    await server.stop();
  });

  test('whose process for the model is killed in the middle of a stream is replaced when it has fallen silent', async () => {
    const timeouts = 'timeouts: { idle: 2s }';
    const server = await serve(mlxConfig(serverModel('m', 'lm', endless, timeouts, 'restart: { backoff: 100ms }')));
    const [engine] = engines(server);
    let killed = false;
    const onData = (body: string): void => {
      if (killed || !body.includes(' and')) return;
      killed = true;
      const model = groupOf(engine?.group as number).find(({ command }) => command.includes('spawn_main'));
      process.kill(model?.pid as number, 'SIGKILL');
    };
    const cut = await stream(server.url, 'go', {}, { onData });
    expect(cut).toMatchObject({ done: false, whole: false, error: { code: 'timeout' } });
    await server.line(({ reason }) => /had work and gave no sign of life for \d+ s/.test(String(reason)));
    await until(() => engines(server).some(({ pid }) => pid !== engine?.pid));
    await until(async () => (await chat(server.url, 'go', { max_tokens: 3 })).ok);
    await server.stop();
  });

  test('ends, with all its processes, when Backplane is killed with SIGKILL', async () => {
    const server = await serve(mlxConfig(serverModel('m', 'lm', scripted)));
    const [engine] = engines(server);
    expect(groupOf(engine?.group as number).length).toBeGreaterThan(2);
    server.signal('SIGKILL');
    await server.exited;
    await until(() => groupOf(engine?.group as number).length === 0);
    // Nobody was left to remove its configuration.
    const file = /--config (\S+)/.exec(engine?.command ?? '')?.[1] as string;
    await rm(dirname(file), { recursive: true });
  });

  test('finishes the running stream when Backplane gets a SIGTERM, and ends in order', async () => {
    const server = await serve(mlxConfig(serverModel('m', 'lm', endless)));
    const [engine] = engines(server);
    let told = false;
    const onData = (body: string): void => {
      if (!told && body.includes(' and')) server.signal('SIGTERM');
      told ||= body.includes(' and');
    };
    const answer = await stream(server.url, 'go', { max_tokens: 500 }, { onData });
    expect(answer).toMatchObject({ done: true, whole: true });
    expect(await server.exited).toEqual({ code: 0, signal: null });
    expect(groupOf(engine?.group as number)).toEqual([]);
  });
});
