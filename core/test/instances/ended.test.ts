import { expect, test } from 'vitest';
import { place } from '../../src/instances/place.ts';
import { backendsOf } from '../../src/instances/recall.ts';
import { type BackendKind, type Call, isolations, type Log } from '../../src/sdk/index.ts';
import mortal from './mortal.ts';

const log: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };

const ways = isolations.flatMap((isolation) => [
  { isolation, how: 'resolve' },
  { isolation, how: 'reject' },
]);

for (const { isolation, how } of ways) {
  test(`an instance whose \`ended\` does ${how} has died, and nothing else, ${isolation}`, async () => {
    const kind = (await backendsOf(mortal, {}, '.', log)).get('mortal') as BackendKind;
    const plugin = { name: 'mortal', url: new URL('mortal.ts', import.meta.url).href, config: {} };
    const spec = { id: 'm', options: { how }, directory: '.' };
    const { instance, died, close } = await place({ plugin, backend: 'mortal', spec, index: 0, isolation }, kind, log);
    const { signal } = new AbortController();
    await instance.load(signal);
    const call: Call = { id: '1', signal, log, media: () => Promise.reject(new Error('no media')) };
    await Array.fromAsync((instance as Required<typeof instance>).chat({ model: 'm', messages: [], extra: {} }, call));
    expect(await died).toBe('its engine took it badly');
    await instance.unload();
    await close();
  });
}
