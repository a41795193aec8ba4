import { expect, test } from 'vitest';
import { place } from '../../src/instances/place.ts';
import type { BackendKind, Call, ChatEvent, Isolation, Log } from '../../src/sdk/index.ts';

const log: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };

async function blocking(isolation: Isolation) {
  const plugin = { name: 'blocking', url: new URL('blocking.ts', import.meta.url).href, config: {} };
  const spec = { id: 'm', options: {}, directory: '.' };
  const placement = await place({ plugin, backend: 'blocking', spec, index: 0, isolation }, {} as BackendKind, log);
  await placement.instance.load(new AbortController().signal);
  const chat = (signal: AbortSignal): AsyncIterable<ChatEvent> => {
    const call: Call = { id: '1', signal, log, media: () => Promise.reject(new Error('no media')) };
    return (placement.instance as Required<typeof placement.instance>).chat(
      { model: 'm', messages: [], extra: {} },
      call,
    );
  };
  const close = async (): Promise<void> => {
    await placement.instance.unload();
    await placement.close();
  };
  return { chat, close };
}

test('an engine that blocks its thread sees by a shared flag that its call was aborted', async () => {
  const { chat, close } = await blocking('thread');
  const controller = new AbortController();
  for await (const event of chat(controller.signal)) if (event.type === 'text') controller.abort();
  await close();
});

test('so it does when the reader just stops reading', async () => {
  const { chat, close } = await blocking('thread');
  for await (const event of chat(new AbortController().signal)) if (event.type === 'text') break;
  await close();
});

test('a process shares no memory with the server, and has no such flag', async () => {
  const { chat, close } = await blocking('process');
  expect(await Array.fromAsync(chat(new AbortController().signal))).toContainEqual({ type: 'finish', reason: 'stop' });
  await close();
});
