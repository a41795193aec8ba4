import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import type { Job, Timing } from './load.ts';
import type { Shape } from './shape.ts';

/** How every subject runs a model: the same for all. */
export interface Setting {
  readonly shape: Shape;
  /** The GGUF file. */
  readonly path: string;
  readonly slots: number;
  /** Tokens of one slot. */
  readonly context: number;
  readonly threads: number;
  readonly flashAttention: boolean;
}

/** Something that generates text, in processes of its own. */
export interface Subject {
  readonly name: string;
  readonly pid: number;
  run(job: Job): Promise<Timing>;
  stop(): Promise<void>;
}

export const root = new URL('..', import.meta.url).pathname;

export interface Child {
  readonly process: ChildProcess;
  /** `performance.now()` just before it was started. */
  readonly begun: number;
  /** The last of what it wrote, for an error message. */
  output(): string;
  stop(): Promise<void>;
}

export interface Start {
  readonly ipc?: boolean;
  /** A file descriptor that takes the process's output, in place of the end of it that is kept. */
  readonly stdout?: number;
  /** Besides our own. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts a process whose output is read and dropped. */
export function start(command: string, args: readonly string[], { ipc, stdout, env }: Start = {}): Child {
  const begun = performance.now();
  const child = spawn(command, args, {
    cwd: root,
    stdio: ['ignore', stdout ?? 'pipe', 'pipe', ...(ipc ? (['ipc'] as const) : [])],
    serialization: 'advanced',
    env: { ...process.env, ...env },
  });
  let tail = '';
  const keep = (data: Buffer): void => {
    tail = (tail + data).slice(-2_000);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  const over = new Promise<void>((resolve) => child.once('close', () => resolve()));
  return {
    process: child,
    begun,
    output: () => tail,
    stop: async () => {
      child.kill('SIGTERM');
      const kill = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await over;
      clearTimeout(kill);
    },
  };
}

/** Resolves with the milliseconds from the start of the process until `url` answers 200. */
export async function answered(url: string, child: Child, everyMs = 20): Promise<number> {
  for (;;) {
    const { exitCode, signalCode } = child.process;
    if (exitCode !== null || signalCode !== null) throw new Error(`the server ended:\n${child.output()}`);
    const ok = await fetch(url).then(
      (response) => response.ok,
      () => false,
    );
    if (ok) return performance.now() - child.begun;
    if (performance.now() - child.begun > 120_000)
      throw new Error(`${url} did not answer in 120 s:\n${child.output()}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
