import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Log } from '../../src/sdk/index.ts';
import { ChildServer, childEnvironment, GuardedProcess, type ServerProgram } from '../../src/upstream/index.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'backplane-child-'));
});
afterAll(() => rm(directory, { recursive: true }));

/** What a log got, as `message`. */
function logged(lines: string[]): Log {
  const take = (_: object, message: string): void => void lines.push(message);
  const log: Log = { debug: take, info: take, warn: take, error: take, child: () => log };
  return log;
}

/** A server in JavaScript; `port` is its port, `http` the module. */
function program(source: string, more: Partial<ServerProgram> = {}): ServerProgram {
  return {
    title: 'toy',
    command: (port) => ({
      file: process.execPath,
      args: ['-e', `const port = ${port}; const http = require('node:http'); ${source}`],
      environment: childEnvironment(),
    }),
    listening: (line, port) => line === `listening on ${port}`,
    portTaken: (line) => line.includes('EADDRINUSE'),
    health: '/health',
    ...more,
  };
}

const listen = `http.createServer((_, res) => res.end('ok')).listen(port, '127.0.0.1', () => console.log('listening on ' + port));`;
const soon = (): AbortSignal => AbortSignal.timeout(20_000);

/** A zombie is not: it waits for whoever counts the dead. */
function alive(pid: number): boolean {
  try {
    return !execFileSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).startsWith('Z');
  } catch {
    return false;
  }
}

async function gone(pid: number): Promise<void> {
  while (alive(pid)) await new Promise((resolve) => setTimeout(resolve, 20));
}

describe('a child server', () => {
  test('is started when it listens, is healthy and has done its first work', async () => {
    const asked: string[] = [];
    const child = new ChildServer(
      program(
        `let asked = 0; http.createServer((_, res) => { res.statusCode = ++asked < 3 ? 503 : 200; res.end(); }).listen(port, '127.0.0.1', () => console.log('listening on ' + port));`,
        { warmUp: async (origin) => void asked.push((await fetch(origin)).statusText) },
      ),
      logged([]),
    );
    await child.start(soon());
    expect(asked).toEqual(['OK']);
    expect(await child.healthy()).toBe(true);
    await child.stop(5_000);
    expect(child.ended).toBe('toy was stopped');
    expect(await child.healthy()).toBeUndefined();
  });

  test('that cannot do its first work is no child server, and no process is left', async () => {
    const child = new ChildServer(
      program(listen, { warmUp: () => Promise.reject(new Error('it made no token')) }),
      logged([]),
    );
    await expect(child.start(soon())).rejects.toThrow('it made no token');
    await gone(child.pid as number);
  });

  test('that says that it will serve no more is killed, and the reason is told', async () => {
    const child = new ChildServer(
      program(`${listen} setTimeout(() => console.error('FATAL: out of memory'), 50);`, {
        fatal: (line) => /FATAL: (.*)/.exec(line)?.[1],
        warmUp: () => new Promise(() => {}),
      }),
      logged([]),
    );
    await expect(child.start(soon())).rejects.toThrow(/^out of memory$/);
    await gone(child.pid as number);
  });

  test('that ends while it starts is a failure with its last words, whatever its exit code', async () => {
    const child = new ChildServer(program(`console.error('no model'); process.exitCode = 0;`), logged([]));
    await expect(child.start(soon())).rejects.toThrow(
      'toy ended by itself with exit code 0; the last it said: no model',
    );
  });

  test('that cannot be run at all is a failure that says so', async () => {
    const child = new ChildServer(
      program('', { command: () => ({ file: './nothing', args: [], environment: childEnvironment() }) }),
      logged([]),
    );
    await expect(child.start(soon())).rejects.toThrow(/exit code 12[67]; the last it said: .*nothing/);
  });

  test('that does not come up while the start is wanted is killed', async () => {
    const child = new ChildServer(program('setInterval(() => {}, 1000)'), logged([]));
    const wanted = new AbortController();
    const started = child.start(wanted.signal);
    while (child.pid === undefined) await new Promise((resolve) => setImmediate(resolve));
    wanted.abort();
    await expect(started).rejects.toThrow('toy was stopped while it started');
    await gone(child.pid);
  });

  test('writes to the log in clean lines, without colours and secrets', async () => {
    const lines: string[] = [];
    const child = new ChildServer(
      program(
        `process.stdout.write('\\u001b[32mgre'); setTimeout(() => { process.stdout.write('en\\u001b[0m 你\\n\\n  \\nkey sk-1\\nbody: secret\\n'); ${listen} }, 20);`,
        { secrets: ['sk-1'], redact: (line) => (line.startsWith('body:') ? undefined : line) },
      ),
      logged(lines),
    );
    await child.start(soon());
    expect(lines.slice(0, 3)).toEqual(['toy: green 你', 'toy: key …', expect.stringContaining('toy: listening on')]);
    await child.stop(5_000);
  });

  test('inherits nothing of the environment but what every program needs and what it is given', async () => {
    process.env.BACKPLANE_TEST_KEY = 'sk-2';
    process.env.BACKPLANE_TEST_PASSED = 'yes';
    let out = '';
    const environment = childEnvironment(['BACKPLANE_TEST_PASSED'], { MORE: 'x' });
    const heard: Promise<unknown>[] = [];
    new GuardedProcess({ file: 'env', args: [], environment }, (stream) => {
      heard.push(once(stream, 'close'));
      stream.on('data', (bytes) => {
        out += bytes;
      });
    });
    await Promise.all(heard);
    expect(out).toContain(`PATH=${process.env.PATH}\n`);
    expect(out).toContain('BACKPLANE_TEST_PASSED=yes\n');
    expect(out).toContain('MORE=x\n');
    expect(out).not.toContain('sk-2');
  });
});

describe('a guarded process', () => {
  const shell = (script: string): GuardedProcess =>
    new GuardedProcess({ file: 'sh', args: ['-c', script], environment: childEnvironment() }, (stream) =>
      stream.resume(),
    );

  test('ends with the exit status of its program', async () => {
    expect(await shell('exit 7').exited).toEqual({ code: 7, signal: null });
    expect(await shell('kill -KILL $$').exited).toEqual({ code: null, signal: 'SIGKILL' });
  });

  test('that does not heed SIGTERM is killed after the grace period', async () => {
    let ready = false;
    const stubborn = new GuardedProcess(
      {
        file: 'sh',
        args: ['-c', `trap '' TERM; echo ready; while :; do sleep 1; done`],
        environment: childEnvironment(),
      },
      (stream) =>
        stream.on('data', () => {
          ready = true;
        }),
    );
    while (!ready) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await stubborn.stop(50)).toEqual({ code: null, signal: 'SIGKILL' });
  });

  test('takes along what it started', async () => {
    const file = join(directory, 'grandchild');
    await shell(`sleep 600 & echo $! > ${file}`).exited;
    await gone(Number(await readFile(file, 'utf8')));
  });

  test('and what it started are gone when the server was killed with SIGKILL', async () => {
    const source = `
      import { GuardedProcess } from '@backplane/core/upstream';
      const script = 'sleep 600 & echo $$ $!; wait';
      new GuardedProcess({ file: 'sh', args: ['-c', script], environment: process.env }, (stream) => stream.pipe(process.stdout));
    `;
    const server = spawn(process.execPath, ['--conditions=@backplane/source', '--input-type=module', '-e', source], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [said] = (await once(server.stdout, 'data')) as [Buffer];
    const pids = String(said).trim().split(' ').map(Number);
    expect(pids.every(alive)).toBe(true);
    server.kill('SIGKILL');
    await Promise.all(pids.map(gone));
  });
});
