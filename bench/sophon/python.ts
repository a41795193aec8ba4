import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Prepared, Task } from './task.ts';

export const interpreter = new URL('../../.cache/sophon-bench/bin/python', import.meta.url).pathname;
const script = new URL('preprocess.py', import.meta.url).pathname;

export const howToInstall =
  'python3 -m venv .cache/sophon-bench && .cache/sophon-bench/bin/pip install -r tools/python/sophon-bench-requirements.txt';

export const installed = (): boolean => existsSync(interpreter);

/** A Python process that prepares pictures on request. */
export class Python {
  readonly #process = spawn(interpreter, [script], { stdio: ['pipe', 'pipe', 'inherit'] });
  readonly #lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();

  async picture(file: string, size: readonly [number, number]): Promise<void> {
    await this.#ask({ do: 'picture', file, size });
  }

  prepare(task: Task, check: boolean): Promise<Prepared> {
    return this.#ask({
      do: 'prepare',
      file: task.file,
      to: [task.to.width, task.to.height],
      frames: task.frames,
      check,
    });
  }

  stop(): void {
    this.#process.stdin.end();
  }

  async #ask<Answer>(job: object): Promise<Answer> {
    this.#process.stdin.write(`${JSON.stringify(job)}\n`);
    const line = await this.#lines.next();
    if (line.done) throw new Error('The Python process ended; its message is above.');
    return JSON.parse(line.value);
  }
}
