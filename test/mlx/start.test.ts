import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { ChildServer, freePort } from '@backplane/core/upstream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LmOptions, options } from '../../plugins/mlx/src/options.ts';
import { serverProgram } from '../../plugins/mlx/src/program.ts';
import { chat } from '../chat.ts';
import { writeScriptedMlx } from '../scripted/mlx.ts';
import { folder, serve } from '../server.ts';
import { describeMlx, engines, groupOf, mlxConfig, mlxModel, python } from './engine.ts';

const log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
const commit = '0123456789abcdef0123456789abcdef01234567';
const once = 'restart: { limit: 0 }';

interface Refusal {
  readonly error: { readonly code: string; readonly message: string };
}

describeMlx('a start of mlx_lm.server', () => {
  let directory: string;
  let scripted: string;
  beforeAll(async () => {
    directory = await folder({});
    scripted = join(directory, 'scripted');
    await writeScriptedMlx(scripted);
  });
  afterAll(() => rm(directory, { recursive: true }));

  /** The reason that a model is not served, as a client reads it. */
  async function reason(model: string): Promise<string> {
    const server = await serve(mlxConfig(model), { early: true });
    try {
      const response = await chat(server.url, 'go');
      expect(response.status).toBe(503);
      const { error } = (await response.json()) as Refusal;
      expect(error.code).toBe('not_ready');
      expect(engines(server)).toEqual([]);
      return error.message;
    } finally {
      await server.stop();
    }
  }

  test('takes another port when its own was taken by a server that says it is well', async () => {
    const asked: (string | undefined)[] = [];
    const occupant = createServer((request, response) => {
      asked.push(request.url);
      response.end('{"status":"ok"}');
    });
    await new Promise<void>((resolve) => occupant.listen(0, '127.0.0.1', resolve));
    const taken = (occupant.address() as AddressInfo).port;
    const free = await freePort();
    const ports = [taken, free];
    const program = await serverProgram({
      interpreter: python,
      options: options.parse({ path: scripted }) as LmOptions,
      directory,
    });
    const pids = new Set<number | undefined>();
    const child = new ChildServer(
      {
        ...program,
        port: async () => ports.shift() as number,
        portTaken: (line) => {
          pids.add(child.pid);
          return program.portTaken(line);
        },
      },
      log,
    );
    await child.start(AbortSignal.timeout(60_000));
    expect(child.origin).toBe(`http://127.0.0.1:${free}`);
    expect(asked).toEqual([]);
    pids.delete(child.pid);
    expect(pids.size).toBe(1);
    for (const pid of pids) expect(groupOf(pid as number)).toEqual([]);
    await child.stop(5_000);
    occupant.close();
  });

  test('whose weights are missing fails with the engine’s reason, and leaves no process', async () => {
    const broken = join(directory, 'broken');
    await writeScriptedMlx(broken);
    await rm(join(broken, 'model.safetensors'));
    const said = await reason(mlxModel('m', broken, '', once));
    expect(said).toMatch(/mlx_lm\.server could not go on: .*safetensors/);
    expect(said).not.toContain(directory);
  });

  test('without a model fails with a sentence that says what is needed', async () => {
    expect(await reason(mlxModel('m', 'nowhere', '', once))).toContain(
      'There is no MLX model in nowhere: a folder with a config.json is needed',
    );
  });

  test.each([
    ['that is not there', 'python: ./no-python', 'There is no ./no-python'],
    ['without mlx-lm', `python: ${process.execPath}`, 'has no mlx-lm'],
  ])('with an interpreter %s fails with a sentence that says so', async (_, interpreter, sentence) => {
    const model = mlxModel('m', scripted, '', once).replace(`python: ${python}`, interpreter);
    expect(await reason(model)).toContain(sentence);
  });

  test('finds an hf: model in the cache, and what its files say', async () => {
    const home = join(directory, 'hf');
    const repo = join(home, 'hub/models--acme--scripted');
    await writeScriptedMlx(join(repo, 'snapshots', commit), { contextLength: 777 });
    await mkdir(join(repo, 'refs'));
    await writeFile(join(repo, 'refs/main'), commit);
    const server = await serve(mlxConfig(mlxModel('m', 'hf:acme/scripted')), { env: { HF_HOME: home } });
    expect((await chat(server.url, 'go')).status).toBe(200);
    expect(await (await fetch(`${server.url}/v1/models/m`)).text()).toContain('777');
    await server.stop();
  });

  test('of an hf: model that is not in the cache fails without asking the network', async () => {
    expect(await reason(mlxModel('m', 'hf:acme/absent', '', once))).toMatch(
      /mlx_lm\.server could not go on: .*[cC]ache/,
    );
  });

  test('that ends with exit code 0 is a failure', async () => {
    const quits = join(directory, 'quits');
    // As an interpreter that has mlx-lm, whose server has nothing to do.
    await writeFile(quits, '#!/bin/sh\n[ "$1" = -c ] && echo 0.32.2\necho bye >&2\nexit 0\n');
    await chmod(quits, 0o755);
    const model = mlxModel('m', scripted, '', once).replace(python, quits);
    expect(await reason(model)).toContain('mlx_lm.server ended by itself with exit code 0; the last it said: bye');
  });

  test('that takes longer than timeouts.load is given up, and its process ended', async () => {
    const sleeps = join(directory, 'sleeps');
    await writeFile(sleeps, '#!/bin/sh\n[ "$1" = -c ] && echo 0.32.2 && exit\nsleep 600\n');
    await chmod(sleeps, 0o755);
    const model = mlxModel('m', scripted, 'timeouts: { load: 1s }', once).replace(python, sleeps);
    expect(await reason(model)).toContain('mlx_lm.server was not ready in time');
  });
});
