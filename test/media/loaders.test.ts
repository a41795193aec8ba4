import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clip, describeWithFfmpeg } from '../../core/test/media/clips.ts';
import { type RunningServer, serve } from '../server.ts';
import { dataUrl, golden, look, picture, seen, show } from './ask.ts';
import { bmp } from './bombs.ts';
import { looker } from './looker.ts';

const config = (port: number): string => `
plugins:
  - ./looker.ts
  - "@backplane/metrics"
  - use: "@backplane/media"
    config:
      max_items: 4
      url: { allow_hosts: ["127.0.0.9:${port}"], allow_cidrs: [127.0.0.9/32] }
      file: { allow_dirs: [media] }
models:
  - { id: m, backend: looker, isolation: inline }
  - { id: thread, backend: looker, isolation: thread }
  - { id: process, backend: looker, isolation: process }
`;

let host: Server;
let server: RunningServer;
let origin: string;
let asked = 0;
beforeAll(async () => {
  host = createServer((request, response) => {
    asked++;
    if (request.url === '/moved') response.writeHead(302, { location: '/picture?of=what' }).end();
    else response.writeHead(200, { 'content-type': 'text/html' }).end(picture('rgb_128x96.jpg'));
  });
  await new Promise<void>((resolve) => host.listen(0, '127.0.0.9', resolve));
  const { port } = host.address() as AddressInfo;
  origin = `http://127.0.0.9:${port}`;
  server = await serve(config(port), { files: { 'looker.ts': looker } });
  await mkdir(join(server.directory, 'media', 'of today'), { recursive: true });
  for (const name of ['rgb_64x64.png', 'of today/a.png']) {
    await copyFile(golden('rgb_64x64.png'), join(server.directory, 'media', name));
  }
});
afterAll(async () => {
  await server?.stop();
  host?.close();
});

test('a picture is told by its content, whatever its data: URL says', async () => {
  const [said] = await seen(look(server.url, [show(dataUrl(picture('rgb_128x96.webp'), 'text/plain'))]));
  expect(said).toMatch(/^image\/webp 128x96 /);
});

test('a picture is fetched from a host that the operator allows, over redirects and whatever its headers say', async () => {
  const there = [show(`${origin}/picture`), show(`${origin}/moved`)];
  const [said = ''] = await seen(look(server.url, there));
  const [first, second] = said.split('\n');
  expect(first).toMatch(/^image\/jpeg 128x96 /);
  expect(second).toBe(first);
});

test.each<readonly [string, () => string]>([
  ['a relative path', () => './media/rgb_64x64.png'],
  ['a relative path without a dot', () => 'media/rgb_64x64.png'],
  ['a path that goes up and back', () => './media/../media/rgb_64x64.png'],
  ['an absolute path', (): string => join(server.directory, 'media/rgb_64x64.png')],
  ['a file: URL', (): string => `file://${server.directory}/media/rgb_64x64.png`],
  ['a file: URL with a host that is here', (): string => `file://localhost${server.directory}/media/of%20today/a.png`],
])('a picture below an allowed folder is read by %s', async (_name, url) => {
  expect(await seen(look(server.url, [show(url())]))).toEqual([expect.stringMatching(/^image\/png 64x64 /)]);
});

test.each([
  'inline',
  'thread',
  'process',
])('an instance in %s isolation sees what was sent, every byte', async (isolation) => {
  const parts = ['rgb_20x20.png', 'rgb_320x200.png'].map((name) => show(dataUrl(picture(name))));
  const here = await seen(look(server.url, parts));
  const there = await seen(look(server.url, parts, { model: isolation === 'inline' ? 'm' : isolation }));
  expect(there).toEqual(here);
});

describe('the choices of one answer', () => {
  test.each(['m', 'thread'])('are all shown the same, which is fetched once, by %s', async (model) => {
    const before = asked;
    const said = await seen(look(server.url, [show(`${origin}/picture`), show(`${origin}/picture`)], { model, n: 3 }));
    expect(new Set(said).size).toBe(1);
    expect(said).toHaveLength(3);
    expect(asked - before).toBe(2);
  });
});

test('the choices of one answer each get the bytes of a picture that moves to a thread', async () => {
  // Large enough to have memory of its own, which is moved and not copied.
  const large = Buffer.concat([bmp(256, 256).subarray(0, 54), Buffer.alloc(256 * 256 * 3, 7)]);
  const said = await seen(look(server.url, [show(dataUrl(large))], { model: 'thread', n: 3 }));
  expect(said).toEqual(Array.from({ length: 3 }, () => expect.stringMatching(/^image\/bmp 256x256 /)));
});

test('a limit on the number of media holds for each prompt, not for all choices together', async () => {
  const four = Array.from({ length: 4 }, () => show(dataUrl(picture('rgb_20x20.png'))));
  expect(await seen(look(server.url, four, { n: 2 }))).toHaveLength(2);
  const five = await look(server.url, [...four, ...four.slice(0, 1)], { n: 2 });
  expect(await five.json()).toMatchObject({ error: { message: 'A request may name at most 4 media here.' } });
});

describeWithFfmpeg('a video', () => {
  const mp4 = clip({ as: 'mp4', options: ['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p'] });
  const url = dataUrl(mp4, 'image/jpeg');
  const base64 = mp4.toString('base64');

  test.each([
    ['image_url', show(url)],
    ['video_url', { type: 'video_url', video_url: { url } }],
    ['input_video', { type: 'input_video', input_video: { data: base64, format: 'mp4' } }],
    ['input_video without a format', { type: 'input_video', input_video: { data: base64 } }],
    ['input_video with a data: URL', { type: 'input_video', input_video: { data: url } }],
  ])('is seen in %s', async (_name, part) => {
    expect(await seen(look(server.url, [part], { model: 'thread' }))).toEqual([
      expect.stringMatching(/^video\/mp4 96x64 3\.0s 10fps 30 frames /),
    ]);
  });
});

test("a third party's loader stands beside the plugin's, as docs/plugin.md shows it", async () => {
  const page = await readFile(new URL('../../docs/plugin.md', import.meta.url), 'utf8');
  const loader = /```ts\n(context\.media\(.*?)```/s.exec(page)?.[1];
  const archive = `
import { sniff } from '@backplane/core/media';
import { definePlugin, Failure } from '@backplane/core/sdk';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
const archive = { get: (path, options) => readFile(import.meta.dirname + '/' + path, options) };
export default definePlugin({ name: 'archive', apiVersion: 1, config: z.strictObject({}), setup(context) { ${loader} } });
`;
  const text = `plugins: [./looker.ts, ./archive.ts, "@backplane/media"]\nmodels: [{ id: m, backend: looker }]\n`;
  const other = await serve(text, { files: { 'looker.ts': looker, 'archive.ts': archive } });
  try {
    await copyFile(golden('rgb_64x64.png'), join(other.directory, 'a.png'));
    expect(await seen(look(other.url, [show('archive:a.png')]))).toEqual([expect.stringMatching(/^image\/png 64x64 /)]);
    const refused = await look(other.url, [show('archive:config.yaml')]);
    expect(await refused.json()).toMatchObject({ error: { message: expect.stringContaining('has no picture') } });
  } finally {
    await other.stop();
  }
});

test('by itself the plugin loads data: URLs and nothing else', async () => {
  const text = `plugins: [./looker.ts, "@backplane/media"]\nmodels: [{ id: m, backend: looker, isolation: inline }]\n`;
  const other = await serve(text, { files: { 'looker.ts': looker } });
  try {
    expect((await look(other.url, [show(dataUrl(picture('rgb_20x20.png')))])).status).toBe(200);
    const refused = [`${origin}/picture`, 'https://example.com/a.png', './config.yaml', '/etc/hostname'].map(
      async (url) => (await look(other.url, [show(url)])).json(),
    );
    expect(await Promise.all(refused)).toMatchObject(
      ['http: URLs', 'https: URLs', 'files', 'files'].map((what) => ({
        error: { code: 'media_rejected', message: `This server does not load media from ${what}.` },
      })),
    );
  } finally {
    await other.stop();
  }
});

test('what was loaded and what was refused is counted by its source', async () => {
  await look(server.url, [show(dataUrl(picture('rgb_20x20.png')))]);
  await look(server.url, [show('http://10.0.0.1/')]);
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  expect(metrics).toMatch(/^backplane_media_load_seconds_count\{source="data"\} [1-9]/m);
  expect(metrics).toMatch(/^backplane_media_loaded_bytes_total\{source="url"\} [1-9]\d{3}/m);
  expect(metrics).toMatch(/^backplane_media_rejected_total\{source="url",reason="not_allowed"\} [1-9]/m);
});
