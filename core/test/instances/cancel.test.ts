import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { place } from '../../src/instances/place.ts';
import type { BackendKind, Call, ChatEvent, Isolation, Log } from '../../src/sdk/index.ts';

const log: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };

async function tardy(isolation: Isolation) {
  const directory = await mkdtemp(join(tmpdir(), 'tardy-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const plugin = { name: 'tardy', url: new URL('tardy.ts', import.meta.url).href, config: {} };
  const spec = { id: 'm', options: {}, directory };
  // Only an inline instance is made from the kind; these are recalled where they run.
  const kind = {} as BackendKind;
  const { instance, close } = await place({ plugin, backend: 'tardy', spec, index: 0, isolation }, kind, log);
  return { instance, close, notes: () => readFile(join(directory, 'notes'), 'utf8') };
}

for (const isolation of ['thread', 'process'] as const) {
  test(`unload in a ${isolation} waits for an instance that is still being made, and loads it no more`, async () => {
    const { instance, close, notes } = await tardy(isolation);
    const controller = new AbortController();
    const loading = instance.load(controller.signal);
    controller.abort();
    await expect(loading).rejects.toMatchObject({ code: 'cancelled' });
    await instance.unload();
    expect(await notes()).toBe('made\nunload\n');
    await close();
  });

  test(`a call that has aborted already never reaches the ${isolation}`, async () => {
    const { instance, close, notes } = await tardy(isolation);
    await instance.load(new AbortController().signal);
    const ask = async (content: string, signal: AbortSignal): Promise<ChatEvent[]> => {
      const call: Call = { id: content, signal, log, media: () => Promise.reject(new Error('no media')) };
      const request = { model: 'm', messages: [{ role: 'user' as const, content }], extra: {} };
      return Array.fromAsync((instance as Required<typeof instance>).chat(request, call));
    };
    await expect(ask('early', AbortSignal.abort())).rejects.toMatchObject({ code: 'cancelled' });
    expect(await ask('now', new AbortController().signal)).toEqual([{ type: 'finish', reason: 'stop' }]);
    expect(await notes()).toBe('made\nload\nchat now\n');
    await instance.unload();
    await close();
  });
}
