import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, test } from 'vitest';

const binary = ['valkey-server', 'redis-server']
  .flatMap((name) => (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, name)))
  .find((path) => existsSync(path));

const reason = 'needs redis-server or valkey-server on the PATH: apt-get install redis-server';

/** `describe` for tests that need such a server: without one they are skipped with the reason, or fail where CI=true. */
export function describeWithRedis(name: string, tests: () => void): void {
  if (binary) describe(name, tests);
  else if (process.env.CI === 'true') {
    test(name, () => {
      throw new Error(reason);
    });
  } else describe.skip(`${name} (${reason})`, tests);
}

/** A real server with a password and nothing on disk: killed, it forgets everything. */
export interface RunningRedis {
  readonly password: string;
  /** With the password. */
  readonly url: string;
  /** `127.0.0.1:<port>` */
  readonly address: string;
  /** One command as a person would type it; what the server answered, in its wire form. */
  tell(command: string): Promise<string>;
  signal(signal: NodeJS.Signals): void;
  /** SIGKILL, and waits for the end. */
  kill(): Promise<void>;
  /** Again on the same port. */
  start(): Promise<void>;
}

export async function redis(password = 'canary-password-3b9d'): Promise<RunningRedis> {
  const port = await freePort();
  let child: ChildProcess;
  const start = (): Promise<void> => {
    const options = ['--port', `${port}`, '--bind', '127.0.0.1', '--requirepass', password, '--save', ''];
    child = spawn(binary as string, options, { cwd: tmpdir(), stdio: ['ignore', 'pipe', 'inherit'] });
    return new Promise((resolve, reject) => {
      createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
        if (line.includes('Ready to accept connections')) resolve();
      });
      child.once('close', (code) => reject(new Error(`the Redis server ended with ${code} before it was ready`)));
    });
  };
  await start();
  return {
    password,
    url: `redis://:${password}@127.0.0.1:${port}`,
    address: `127.0.0.1:${port}`,
    tell: (command) => dialogue(port, `AUTH ${password}\r\n${command}\r\nQUIT\r\n`),
    signal: (signal) => void child.kill(signal),
    kill: () =>
      new Promise((resolve) => {
        child.once('close', () => resolve());
        if (!child.kill('SIGKILL')) resolve();
      }),
    start,
  };
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { readonly port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function dialogue(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    socket.on('data', (data) => {
      answer += data;
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(answer));
  });
}
