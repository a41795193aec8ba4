import { readFile } from 'node:fs/promises';
import { type RunningServer, serve } from '../server.ts';

/** Serves a file of examples/ as it is, on a free port instead of its own. */
export async function serveExample(name: string, env: Readonly<Record<string, string>>): Promise<RunningServer> {
  const text = await readFile(new URL(`../../examples/${name}`, import.meta.url), 'utf8');
  const moved = text.replace(/^ {2}port: 8000\b/m, '  port: 0');
  if (moved === text) throw new Error(`${name} has no port to replace`);
  const server = await serve(moved, { env });
  // It listens on every address; clients need one.
  return { ...server, url: server.url.replace('0.0.0.0', '127.0.0.1') };
}
