import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { Prepared, Task } from './task.ts';

const interpreter = new URL('../../.cache/sophon-bench/bin/python', import.meta.url).pathname;

export const howToInstall =
  'python3 -m venv .cache/sophon-bench && .cache/sophon-bench/bin/pip install -r tools/python/sophon-bench-requirements.txt';

export const installed = (): boolean => existsSync(interpreter);

/** A Python program of this folder that answers each line of JSON with another. */
export class PythonProgram {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  constructor(script: string, args: readonly string[] = []) {
    const path = new URL(script, import.meta.url).pathname;
    this.#process = spawn(interpreter, [path, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  async ask<Answer>(job: object): Promise<Answer> {
    this.#process.stdin.write(`${JSON.stringify(job)}\n`);
    const line = await this.#lines.next();
    if (line.done) throw new Error('The Python process ended; its message is above.');
    return JSON.parse(line.value);
  }

  stop(): void {
    this.#process.stdin.end();
  }
}

/** Prepares pictures. */
export class Python extends PythonProgram {
  constructor() {
    super('preprocess.py');
  }

  async picture(file: string, size: readonly [number, number]): Promise<void> {
    await this.ask({ do: 'picture', file, size });
  }

  prepare(task: Task, check: boolean): Promise<Prepared> {
    return this.ask({
      do: 'prepare',
      file: task.file,
      to: [task.to.width, task.to.height],
      frames: task.frames,
      check,
    });
  }
}
