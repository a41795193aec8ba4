import { readFile } from 'node:fs/promises';
import { type RunningServer, serve } from '../server.ts';

/**
 * Fits examples/mlx-mac.yaml to the tiny model. Its clients ask for random answers, of which a model this small gives an
 * empty one now and then, and for more tokens than its context has.
 */
export function fitted(text: string): string {
  return text
    .replace(/^( +)reasoning: raw\b.*$/m, '$&\n$1defaults: { top_k: 1 }')
    .replace(/^( +)prompt_cache_size: 10$/m, '$&\n$1context_length: 4096');
}

/**
 * Serves a file of examples/ as it is, on a free port instead of its own. `edit`: what else must differ in a test.
 * `headers`: with a key, where /ready asks for one.
 */
export async function serveExample(
  name: string,
  env: Readonly<Record<string, string>>,
  edit: (text: string) => string = (text) => text,
  headers: Readonly<Record<string, string>> = {},
): Promise<RunningServer> {
  const text = await readFile(new URL(`../../examples/${name}`, import.meta.url), 'utf8');
  const moved = text.replace(/^ {2}port: \d+\b/m, '  port: 0');
  if (moved === text) throw new Error(`${name} has no port to replace`);
  const server = await serve(edit(moved), { env, headers });
  // It listens on every address; clients need one.
  return { ...server, url: server.url.replace('0.0.0.0', '127.0.0.1') };
}
