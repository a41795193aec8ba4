import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, test } from 'vitest';

const environment = new URL('../../.cache/python/bin/', import.meta.url).pathname;

/** The interpreter that tools/python/setup.sh makes. */
export const python = `${environment}python`;
export const schemathesis = `${environment}schemathesis`;

const reason = 'needs Python: run npm run python';

/** `describe` for tests that need that interpreter: without it they are skipped with the reason, or fail where CI=true. */
export function describeWithPython(name: string, tests: () => void): void {
  if (existsSync(python)) describe(name, tests);
  else if (process.env.CI === 'true') {
    test(name, () => {
      throw new Error(reason);
    });
  } else describe.skip(`${name} (${reason})`, tests);
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end. `env`: besides this process's. */
export function execute(
  command: string,
  args: readonly string[],
  cwd?: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      ...(cwd && { cwd }),
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (data: Buffer) => out.push(data));
    child.stderr.on('data', (data: Buffer) => err.push(data));
    child.once('error', reject);
    child.once('close', (code) =>
      resolve({ code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() }),
    );
  });
}
