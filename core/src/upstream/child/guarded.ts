import { type ChildProcess, spawn } from 'node:child_process';

/**
 * Becomes the program, after leaving a guard beside it in their process group. The guard reads the pipe that only this
 * server holds the other end of: when that ends, however this server ended, it kills the whole group. A shell, because
 * every macOS and Linux has one, it takes a megabyte, and the program keeps its own process id and exit status.
 * The pipe is not standard input: bash would take that for a login from afar and read its user's settings.
 */
const guard = `
( trap '' HUP INT TERM; read -r _ <&3; kill -9 0 ) >/dev/null 2>&1 &
exec 3<&-
exec "$@"
`;

export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Working directory; absent: this server's. */
  readonly directory?: string;
}

/** How a process ended: one of both is set. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/**
 * A process in a group of its own that cannot outlive this server, not even one that was killed with SIGKILL. When it has
 * ended, so has every process that it left behind in its group. macOS and Linux.
 */
export class GuardedProcess {
  readonly #child: ChildProcess;
  /** Never rejects: what cannot be started ends with the shell's 126 or 127. */
  readonly exited: Promise<Exit>;
  #over = false;

  constructor({ file, args, environment, directory }: Command, heard: (stream: NodeJS.ReadableStream) => void) {
    const child = spawn('/bin/sh', ['-c', guard, 'sh', file, ...args], {
      // A group of its own: a Ctrl-C in the terminal is this server's to answer, and one signal reaches them all.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      env: environment,
      ...(directory !== undefined && { cwd: directory }),
    });
    this.#child = child;
    const lifeline = child.stdio[3];
    lifeline?.on('error', () => {});
    heard(child.stdout as NodeJS.ReadableStream);
    heard(child.stderr as NodeJS.ReadableStream);
    this.exited = new Promise((resolve) => {
      const over = (exit: Exit): void => {
        this.#over = true;
        this.#killGroup();
        lifeline?.destroy();
        resolve(exit);
      };
      child.once('exit', (code, signal) => over({ code, signal }));
      child.once('error', () => over({ code: 127, signal: null }));
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get over(): boolean {
    return this.#over;
  }

  /** SIGTERM, then SIGKILL to the whole group when it has not ended in time. Resolves when it has ended. */
  async stop(graceMs: number): Promise<Exit> {
    if (!this.#over) {
      this.#child.kill('SIGTERM');
      const late = setTimeout(() => this.#killGroup(), graceMs);
      await this.exited;
      clearTimeout(late);
    }
    return this.exited;
  }

  kill(): Promise<Exit> {
    if (!this.#over) this.#killGroup();
    return this.exited;
  }

  #killGroup(): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // Nothing is left of it.
    }
  }
}
