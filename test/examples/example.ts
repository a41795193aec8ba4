import { readFile } from 'node:fs/promises';
import { type RunningServer, serve } from '../server.ts';

/** Serves a file of examples/ as it is, on a free port instead of its own. `edit`: what else must differ in a test. */
export async function serveExample(
  name: string,
  env: Readonly<Record<string, string>>,
  edit: (text: string) => string = (text) => text,
): Promise<RunningServer> {
  const text = await readFile(new URL(`../../examples/${name}`, import.meta.url), 'utf8');
  const moved = text.replace(/^ {2}port: \d+\b/m, '  port: 0');
  if (moved === text) throw new Error(`${name} has no port to replace`);
  const server = await serve(edit(moved), { env });
  // It listens on every address; clients need one.
  return { ...server, url: server.url.replace('0.0.0.0', '127.0.0.1') };
}
