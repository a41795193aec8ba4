import { afterEach, describe, expect, test } from 'vitest';
import { chat, stream } from './chat.ts';
import { processes } from './mlx/engine.ts';
import { puppet } from './puppet.ts';
import { backplane, folder, type LogLine, type RunningServer, serve } from './server.ts';

let server: RunningServer | undefined;
afterEach(async () => {
  await server?.stop();
  server = undefined;
});

/** Puppet models under a budget; each entry is what follows its id. */
const configOf = (budget: string, models: Readonly<Record<string, string>>): string => `
server: { port: 0 }
memory: { budget: ${budget} }
plugins: [./puppet.ts]
models:
${Object.entries(models)
  .map(([id, more]) => `  - { id: ${id}, backend: puppet, isolation: inline, options: { slots: 4 }, ${more} }`)
  .join('\n')}
`;

async function within(budget: string, models: Readonly<Record<string, string>>): Promise<RunningServer> {
  server = await serve(configOf(budget, models), { files: { 'puppet.ts': puppet } });
  return server;
}

/** The models that were loaded and unloaded so far, in order: `+a`, `-a`. */
const moves = (lines: readonly LogLine[]): readonly string[] =>
  lines.flatMap(({ model, state }) => (state === 'loading' ? `+${model}` : state === 'unloading' ? `-${model}` : []));

interface Status {
  readonly state: string;
  readonly on_demand: { readonly idle_seconds: number | null; readonly waiting_because?: string };
}

/** Resolves when the model's status is such. */
async function until(model: string, holds: (status: Status) => boolean): Promise<void> {
  for (;;) {
    const { models } = (await (await fetch(`${server?.url}/health`)).json()) as { models: Record<string, Status> };
    if (holds(models[model] as Status)) return;
  }
}

const ask = (model: string, content = 'say x') => chat(server?.url as string, content, { model });
const demand = 'on_demand: true, memory: 4GB';

describe('models whose memory has a budget', () => {
  test('make room for each other: the one that was idle longest goes', async () => {
    const { lines } = await within('8GB', { a: demand, b: demand, c: demand });
    for (const model of ['a', 'b', 'a', 'c', 'a', 'b']) {
      expect((await ask(model)).status).toBe(200);
      await until(model, ({ on_demand }) => on_demand.idle_seconds !== null);
    }
    expect(moves(lines)).toEqual(['+a', '+b', '-b', '+c', '-c', '+b']);
    expect(lines.filter(({ state }) => state === 'unloading').map(({ cause }) => cause)).toEqual(['memory', 'memory']);
  });

  test('leave as many as it takes, and none where that would not be enough', async () => {
    const { lines } = await within('8GB', {
      a: 'on_demand: true, memory: 3GB',
      b: 'on_demand: true, memory: 3GB',
      big: 'on_demand: true, memory: 7GB',
    });
    await ask('b');
    await until('b', ({ on_demand }) => on_demand.idle_seconds !== null);
    const running = ask('a', 'count 100');
    await until('a', ({ state }) => state === 'ready');
    const waiting = ask('big');
    await until('big', ({ on_demand }) => on_demand.waiting_because !== undefined);
    // b is idle, but without a there is no room for big either.
    expect(moves(lines)).toEqual(['+b', '+a']);
    expect((await waiting).status).toBe(200);
    expect((await running).status).toBe(200);
    expect(moves(lines)).toEqual(['+b', '+a', '-b', '-a', '+big']);
  });

  test('are not unloaded while they are in use: who waits too long is told who holds the memory', async () => {
    const { url, lines } = await within('5GB', {
      a: demand,
      b: 'on_demand: { load_timeout: 300ms }, memory: 4.5GB',
    });
    const begun = Promise.withResolvers<() => void>();
    const running = stream(url, 'count 100000', { model: 'a' }, { onData: (_, hangUp) => begun.resolve(hangUp) });
    const hangUp = await begun.promise;
    const refused = await ask('b');
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('5');
    expect(await refused.json()).toMatchObject({
      error: {
        code: 'not_ready',
        message: 'b is not running: it needs 4.5 GB, and memory.budget (5 GB) is held by a (4 GB)',
      },
    });
    expect(moves(lines)).toEqual(['+a']);
    hangUp();
    await running;
    expect((await ask('b')).status).toBe(200);
    expect(moves(lines)).toEqual(['+a', '-a', '+b']);
  });

  test('are not kept out by one that is called without end: it makes room when it has worked for a while', async () => {
    const { lines } = await within('5GB', { a: demand, b: 'on_demand: { load_timeout: 20s }, memory: 4GB' });
    let over = false;
    const statuses = new Set<number>();
    const client = async (): Promise<void> => {
      while (!over) statuses.add((await ask('a', 'count 20')).status);
    };
    const clients = [1, 2, 3, 4, 5, 6].map(client);
    await until('a', ({ state }) => state === 'ready');
    expect((await ask('b')).status).toBe(200);
    expect((await ask('b')).status).toBe(200);
    over = true;
    await Promise.all(clients);
    expect([...statuses]).toEqual([200]);
    expect(moves(lines).slice(0, 3)).toEqual(['+a', '-a', '+b']);
  }, 40_000);

  test('say the same to a call of a model that was loaded before', async () => {
    const { url } = await within('5GB', { a: demand, b: 'on_demand: { load_timeout: 300ms }, memory: 4GB' });
    await ask('b');
    const begun = Promise.withResolvers<() => void>();
    const running = stream(url, 'count 100000', { model: 'a' }, { onData: (_, hangUp) => begun.resolve(hangUp) });
    const hangUp = await begun.promise;
    expect(await (await ask('b')).json()).toMatchObject({
      error: {
        message:
          'no instance was ready after 0.3 s in the queue of b: it needs 4 GB, and memory.budget (5 GB) is held by a (4 GB)',
      },
    });
    hangUp();
    await running;
  });

  test('are never more than the budget allows, and none is refused, however their calls are mixed', async () => {
    const models = ['a', 'b', 'c', 'd'];
    const { lines } = await within('9GB', Object.fromEntries(models.map((model) => [model, demand])));
    const work = async (worker: number): Promise<void> => {
      for (let call = 0; call < 15; call++) {
        const answer = await ask(models[(worker * 7 + call * call) % 4] as string, `count ${call % 4}`);
        expect(answer.status).toBe(200);
      }
    };
    await Promise.all([1, 2, 3, 4, 5, 6].map(work));
    let loaded = 0;
    let most = 0;
    for (const { state } of lines.filter(({ from }) => from !== 'stopped')) {
      if (state === 'loading') loaded++;
      else if (state === 'unloaded') loaded--;
      most = Math.max(most, loaded);
    }
    expect(most).toBe(2);
  });

  test('stay within it while engines die and clients leave, and nothing of them is left behind', async () => {
    const dying =
      'on_demand: { idle_timeout: 20ms }, memory: 4GB, isolation: process, restart: { backoff: 1ms, limit: 1000 }';
    const config = configOf('9GB', { a: dying, b: dying, c: dying }).replaceAll('isolation: inline, ', '');
    server = await serve(config, { files: { 'puppet.ts': puppet } });
    const { url, pid } = server;
    const engines = () =>
      processes().filter(({ parent, command }) => parent === pid && command.startsWith('backplane '));
    let most = 0;
    const work = async (worker: number): Promise<void> => {
      for (let call = 0; call < 6; call++) {
        const begun = stream(
          url,
          (worker + call) % 4 === 0 ? 'crash 1' : 'count 5',
          { model: 'abc'[(worker * 5 + call * call) % 3] },
          {
            onData: (_, hangUp) => (worker + call) % 4 === 1 && hangUp(),
          },
        );
        most = Math.max(most, engines().length);
        await begun;
      }
    };
    await Promise.all([1, 2, 3, 4].map(work));
    expect(most).toBe(2);
    for (const model of ['a', 'b', 'c']) expect((await ask(model)).status).toBe(200);
    expect(await server.stop()).toEqual({ code: 0, signal: null });
    expect(engines()).toEqual([]);
  }, 120_000);

  test('leave those alone that are loaded from the start', async () => {
    const { lines } = await within('9GB', { kept: 'memory: 4GB', a: demand, b: demand });
    await ask('a');
    await ask('b');
    await ask('kept');
    expect(moves(lines)).toEqual(['+kept', '+a', '-a', '+b']);
    const { models } = (await (await fetch(`${server?.url}/health`)).json()) as { models: object };
    expect(models).toMatchObject({
      kept: { memory_bytes: 4e9 },
      a: { state: 'unloaded', memory_bytes: 0 },
      b: { state: 'ready', memory_bytes: 4e9 },
    });
  });

  test('give up their memory when they are given up themselves', async () => {
    const config = configOf('5GB', { a: `${demand}, restart: { limit: 0 }`, b: demand });
    server = await serve(config.replace('options: { slots: 4 }', 'options: { load: fail }'), {
      files: { 'puppet.ts': puppet },
    });
    expect(await (await ask('a')).text()).toContain('made of sand');
    expect((await ask('b')).status).toBe(200);
    expect((await ask('a')).status).toBe(503);
  });

  test('stop waiting for memory when their callers leave', async () => {
    const { url } = await within('5GB', { a: demand, b: demand });
    const begun = Promise.withResolvers<() => void>();
    const running = stream(url, 'count 100000', { model: 'a' }, { onData: (_, hangUp) => begun.resolve(hangUp) });
    const hangUp = await begun.promise;
    const gone = new AbortController();
    const left = chat(url, 'say x', { model: 'b' }, { signal: gone.signal }).catch(() => 'gone');
    await until('b', ({ on_demand }) => on_demand.waiting_because !== undefined);
    gone.abort();
    expect(await left).toBe('gone');
    await until('b', ({ on_demand }) => on_demand.waiting_because === undefined);
    hangUp();
    await running;
    expect((await ask('a')).status).toBe(200);
    expect(moves(server?.lines ?? [])).toEqual(['+a']);
  });
});

describe('backplane check refuses', () => {
  test.each([
    [
      '8GB',
      { a: 'on_demand: true, memory: 9GB' },
      /:6:\d+ {2}models\[0\]\.memory: is more than memory\.budget \(8 GB\)/,
    ],
    [
      '8GB',
      { kept: 'memory: 5GB', a: 'on_demand: true, memory: 4GB' },
      /:7:\d+ {2}models\[1\]\.memory: is more than the 3 GB that memory\.budget leaves beside the models that are always loaded/,
    ],
    ['8GB', { a: 'instances: 3, on_demand: true, memory: 3GB' }, /models\[0\]\.memory: is 3 times over more than/],
    ['8GB', { a: 'on_demand: true' }, /models\[0\]\.on_demand: needs to be told how much memory it takes/],
    ['8GB', { a: 'memory: 5GB', b: 'memory: 5GB' }, /:3:\d+ {2}memory\.budget: is less than .* which is 10 GB/],
    [
      '8GB',
      { a: 'on_demand: { idle_timout: 5m }, memory: 1GB' },
      /unknown key "idle_timout"; did you mean "idle_timeout"/,
    ],
    ['0', { a: 'memory: 1GB' }, /memory\.budget: must be more than 0/],
  ])('memory.budget: %s with %o', async (budget, models, message) => {
    const directory = await folder({ 'config.yaml': configOf(budget, models), 'puppet.ts': puppet });
    const { code, stderr } = await backplane(['check', `${directory}/config.yaml`]);
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
  });
});
