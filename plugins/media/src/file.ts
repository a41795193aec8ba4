import { constants } from 'node:fs';
import { type FileHandle, open, readlink, realpath } from 'node:fs/promises';
import { resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FileOptions } from './config.ts';
import { Rejection, tooLarge } from './rejection.ts';

const chunk = 256 * 1024;

/** Reads files below the folders that the operator allows. Missing and forbidden look the same from outside. */
export class FileReader {
  readonly #directory: string;
  readonly #dirs: readonly string[];
  readonly #most: number;

  /** `directory`: what relative paths are relative to. */
  constructor({ allow_dirs, max_bytes }: FileOptions, directory: string) {
    this.#directory = directory;
    this.#dirs = allow_dirs.map((dir) => resolve(directory, dir));
    this.#most = max_bytes;
  }

  /** `url`: a `file:` URL or a path. Throws a Rejection. */
  async read(url: string, signal: AbortSignal): Promise<Buffer> {
    let handle: FileHandle | undefined;
    try {
      const path = await realpath(resolve(this.#directory, pathOf(url)));
      await this.#allow(path);
      // Without waiting: opening a pipe would last until somebody writes into it.
      handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      // A folder on the way may have become a link since.
      await this.#allow(await opened(handle, path));
      if (!(await handle.stat()).isFile()) throw new Error('not a regular file');
      return await readAll(handle, this.#most, signal);
    } catch (thrown) {
      signal.throwIfAborted();
      if (thrown instanceof Rejection) throw thrown;
      throw new Rejection('not_allowed', 'This file does not exist, or this server may not read it.', thrown);
    } finally {
      await handle?.close();
    }
  }

  async #allow(path: string): Promise<void> {
    for (const dir of this.#dirs) {
      const real = await realpath(dir).catch(() => undefined);
      if (real !== undefined && path.startsWith(real.endsWith(sep) ? real : real + sep)) return;
    }
    throw new Error('not below an allowed folder');
  }
}

/** Throws for a URL of another host, and for one that hides a separator (%2F). */
function pathOf(url: string): string {
  if (!/^file:/i.test(url)) return url;
  // Some clients write file://./x or file:x, whose meaning is anyone's guess.
  if (!/^file:\/\/(?:localhost)?\//i.test(url)) throw new Error('not an absolute file URL');
  return fileURLToPath(url);
}

/** Where an open file is, as far as the system says. */
async function opened({ fd }: FileHandle, path: string): Promise<string> {
  return process.platform === 'linux' ? readlink(`/proc/self/fd/${fd}`) : realpath(path);
}

/** Not by its size: files of /proc say 0 and have no end. */
async function readAll(handle: FileHandle, most: number, signal: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for (;;) {
    signal.throwIfAborted();
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(chunk), 0, chunk, null);
    if (bytesRead === 0) return Buffer.concat(chunks);
    size += bytesRead;
    if (size > most) throw tooLarge(most);
    chunks.push(buffer.subarray(0, bytesRead));
  }
}
