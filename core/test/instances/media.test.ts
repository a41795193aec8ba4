import { expect, test } from 'vitest';
import { place } from '../../src/instances/place.ts';
import { backendsOf } from '../../src/instances/recall.ts';
import { type BackendKind, type Call, Failure, isolations, type Log, type Media } from '../../src/sdk/index.ts';
import viewer from './viewer.ts';

const log: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };

/** What an instance says of the media that its call finds. */
async function view(isolation: (typeof isolations)[number], media: Call['media']): Promise<string> {
  const kind = (await backendsOf(viewer, {}, '.', log)).get('viewer') as BackendKind;
  const plugin = { name: 'viewer', url: new URL('viewer.ts', import.meta.url).href, config: {} };
  const spec = { id: 'm', options: {}, directory: '.' };
  const { instance, close } = await place({ plugin, backend: 'viewer', spec, index: 0, isolation }, kind, log);
  const { signal } = new AbortController();
  await instance.load(signal);
  const chat = (instance as Required<typeof instance>).chat(
    { model: 'm', messages: [], extra: {} },
    {
      id: '1',
      signal,
      log,
      media,
    },
  );
  try {
    const events = await Array.fromAsync(chat);
    return events.map((event) => (event.type === 'text' ? event.text : '')).join('');
  } finally {
    await instance.unload();
    await close();
  }
}

const picture = (size: number): Media => ({
  mime: 'image/png',
  bytes: new Uint8Array(size).map((_, index) => index % 251),
  path: '/a/file',
});

test.each(isolations)('a medium reaches an instance with its type, every byte and its file, %s', async (isolation) => {
  const said = await view(isolation, async () => picture(100_000));
  expect(JSON.parse(said)).toEqual({ mime: 'image/png', length: 100_000, last: 99_999 % 251, path: '/a/file' });
});

test('it moves to a thread instead of being copied', async () => {
  const medium = picture(100_000);
  await view('thread', async () => medium);
  expect(medium.bytes.length).toBe(0);
});

test('it is copied where its memory is shared with others', async () => {
  const whole = picture(1_000).bytes;
  const small = { mime: 'image/png', bytes: Buffer.from('tiny') };
  const part = { mime: 'image/png', bytes: whole.subarray(10, 20) };
  expect(JSON.parse(await view('thread', async () => part))).toMatchObject({ length: 10, last: 19 });
  expect(JSON.parse(await view('thread', async () => small))).toMatchObject({ length: 4, last: 'y'.charCodeAt(0) });
  expect([whole.length, String(small.bytes)]).toEqual([1_000, 'tiny']);
});

test.each(isolations)('why a medium is refused reaches it too, %s', async (isolation) => {
  const refused = view(isolation, () => Promise.reject(new Failure('media_rejected', 'Not that one.')));
  await expect(refused).rejects.toMatchObject({ code: 'media_rejected', message: 'Not that one.' });
});
