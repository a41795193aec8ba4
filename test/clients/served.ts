import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { writeScriptedGguf } from '../scripted/model.ts';
import { type RunningServer, type ServeOptions, serve, tinyModel } from '../server.ts';

/** The key that a guarded server asks for. */
export const key = 'sk-client-tests';

/** An entry for `models:` that serves the built-in model. */
export function tiny(id: string, more: string, its: Readonly<Record<string, unknown>> = {}): string {
  const options = JSON.stringify({ path: tinyModel, embeddings: true, ...its });
  return `  - { id: ${id}, backend: llamacpp, options: ${options}, ${more} }\n`;
}

export function config(models: string, { guarded = false } = {}): string {
  const auth = `  - use: "@backplane/auth"\n    config: { schemes: [{ keys: [{ name: tests, key: ${key} }] }] }\n`;
  return `plugins:\n${guarded ? auth : ''}  - use: "@backplane/llamacpp"\nmodels:\n${models}`;
}

const served: RunningServer[] = [];
const folders: string[] = [];
// Here, while the file that imports this is read: a hook that is registered inside another never runs.
afterAll(async () => {
  await Promise.all(served.map((server) => server.stop()));
  await Promise.all(folders.map((folder) => rm(folder, { recursive: true })));
});

/** A server for all tests of a file. */
export async function serveForAll(text: string, options?: ServeOptions): Promise<RunningServer> {
  const server = await serve(text, options);
  served.push(server);
  return server;
}

/**
 * What the SDK tests talk to: the built-in model as `tiny` (also `org/tiny`), `tiny-raw` and `tiny-hidden`, which differ
 * in how thinking is shown; `endless`, which never ends a turn by itself, and `busy`, the same with room for one call.
 */
export async function serveModels(): Promise<RunningServer> {
  const directory = await mkdtemp(join(tmpdir(), 'backplane-clients-'));
  const path = join(directory, 'endless.gguf');
  await writeScriptedGguf(path, { chain: ['tick ', 'tock '], loop: true, contextLength: 65_536 });
  const endless = (id: string, queue: number) =>
    `  - { id: ${id}, backend: llamacpp, queue: { size: ${queue} }, options: ${JSON.stringify({ path, slots: 1 })} }\n`;
  folders.push(directory);
  return serveForAll(
    config(
      tiny('tiny', 'defaults: { temperature: 0 }, aliases: [org/tiny]') +
        tiny('tiny-raw', 'defaults: { temperature: 0 }, reasoning: raw') +
        tiny('tiny-hidden', 'defaults: { temperature: 0 }, reasoning: hidden') +
        endless('endless', 1) +
        endless('busy', 0),
    ),
  );
}

export function serveGuarded(): Promise<RunningServer> {
  return serveForAll(config(tiny('tiny', 'defaults: { temperature: 0 }'), { guarded: true }));
}
