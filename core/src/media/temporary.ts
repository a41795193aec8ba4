import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** `backplane-media-<pid>-<when that process began>-<random>` in the system's folder for temporary files, mode 0700. */
const pattern = /^backplane-media-(\d+)-(\d+)-/;

let swept = false;

/**
 * Puts bytes into a file that only this user may read, for as long as `use` takes. Of a process that is killed meanwhile,
 * the next start sweeps up.
 */
export async function withFile<T>(bytes: Uint8Array, use: (path: string) => Promise<T>): Promise<T> {
  // An instance that took the place of one that was killed sweeps up after it.
  if (!swept) sweepTemporary();
  // A folder for each, since a thread or a process that is ended has no last moment to remove one.
  const folder = await mkdtemp(join(tmpdir(), `backplane-media-${process.pid}-${beginning(process.pid)}-`));
  try {
    const path = join(folder, 'media');
    await writeFile(path, bytes, { mode: 0o600, flag: 'wx' });
    return await use(path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Removes the folders of processes that are no more. Never throws: another user's are none of ours. */
export function sweepTemporary(): void {
  swept = true;
  for (const name of existsSync(tmpdir()) ? readdirSync(tmpdir()) : []) {
    const match = pattern.exec(name);
    if (!match || beginning(Number(match[1])) === match[2]) continue;
    try {
      rmSync(join(tmpdir(), name), { recursive: true, force: true });
    } catch {}
  }
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
