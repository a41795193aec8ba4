import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** `backplane-media-<pid>-<when that process began>-<random>` in the system's folder for temporary files, mode 0700. */
const pattern = /^backplane-media-(\d+)-(\d+)-/;

let folder: string | undefined;
let files = 0;

/** Puts bytes into a file that only this user may read, for as long as `use` takes. Of a crash, the next start sweeps up. */
export async function withFile<T>(bytes: Uint8Array, use: (path: string) => Promise<T>): Promise<T> {
  const path = join(ownFolder(), String(files++));
  try {
    await writeFile(path, bytes, { mode: 0o600, flag: 'wx' });
    return await use(path);
  } finally {
    await rm(path, { force: true });
  }
}

/** Removes the folders of processes that are no more. Never throws: another user's are none of ours. */
export function sweepTemporary(): void {
  for (const name of existsSync(tmpdir()) ? readdirSync(tmpdir()) : []) {
    const match = pattern.exec(name);
    if (!match || beginning(Number(match[1])) === match[2]) continue;
    try {
      rmSync(join(tmpdir(), name), { recursive: true, force: true });
    } catch {}
  }
}

/** One for each thread, since each has this module for itself. */
function ownFolder(): string {
  if (folder !== undefined) return folder;
  sweepTemporary();
  const made = mkdtempSync(join(tmpdir(), `backplane-media-${process.pid}-${beginning(process.pid)}-`));
  process.once('exit', () => rmSync(made, { recursive: true, force: true }));
  folder = made;
  return made;
}

/**
 * When a process began, as Linux counts it: in a container every server has the same id. `0` where the system does not
 * say, undefined for a process that is no more.
 */
function beginning(pid: number): string | undefined {
  try {
    process.kill(pid, 0);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ESRCH') return undefined;
  }
  try {
    // The name in brackets may hold anything; behind it the 20th field is the time.
    return readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ')[19];
  } catch {
    return '0';
  }
}
