import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The entry of a thread or a process: TypeScript in the repository, JavaScript in the package, as this file is. */
export function mainFile(kind: 'thread' | 'process'): string {
  return fileURLToPath(new URL(`./${kind}-main${extname(import.meta.url)}`, import.meta.url));
}
