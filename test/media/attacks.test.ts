import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clip, describeWithFfmpeg, remux } from '../../core/test/media/clips.ts';
import { type RunningServer, serve } from '../server.ts';
import { dataUrl, look, picture, show } from './ask.ts';
import { type BadHost, badHost, setTrap, type Trap } from './attackers.ts';
import { bmp, gif, jpeg, png, webp } from './bombs.ts';
import { looker } from './looker.ts';

// Everything is allowed but what the guard itself forbids: hosts and ports are no help here.
const config = `
server: { port: 0, body_limit: 4MB }
plugins:
  - ./looker.ts
  - use: "@backplane/media"
    config:
      max_items: 4
      data: { max_bytes: 1MB }
      url: { allow_hosts: ["*:*"], allow_cidrs: [127.0.0.9/32], max_bytes: 1MB, timeout: 5s }
      file: { allow_dirs: [media], max_bytes: 1MB }
models:
  - { id: m, backend: looker, isolation: inline }
`;

let trap: Trap;
let host: BadHost;
let server: RunningServer;
let before: number;

beforeAll(async () => {
  trap = await setTrap();
  host = await badHost(`127.0.0.1:${trap.port}`);
  const proxy = `http://127.0.0.1:${trap.port}`;
  server = await serve(config, {
    files: { 'looker.ts': looker, 'secret.png': picture('rgb_64x64.png').toString('latin1') },
    env: { HTTP_PROXY: proxy, http_proxy: proxy, HTTPS_PROXY: proxy, ALL_PROXY: proxy, NODE_USE_ENV_PROXY: '1' },
  });
  plantFiles(server.directory);
  // Whatever is loaded once, is loaded before it is measured.
  for (const name of ['rgb_64x64.png', 'rgb_128x96.jpg', 'anim_80x60.gif']) {
    await look(server.url, [show(dataUrl(picture(name)))]);
  }
  await look(server.url, [show(`http://${host.name}/picture`)]);
  before = residentMegabytes(server.pid);
});

afterAll(async () => {
  await server?.stop();
  host?.close();
  trap?.close();
});

/** Files in the folder that may be read, and around it. */
function plantFiles(directory: string): void {
  const image = picture('rgb_64x64.png');
  const media = join(directory, 'media');
  mkdirSync(join(media, 'folder'), { recursive: true });
  mkdirSync(join(directory, 'media-of-others'));
  writeFileSync(join(directory, 'media-of-others/secret.png'), image);
  writeFileSync(join(media, 'text.png'), 'a secret');
  symlinkSync('../secret.png', join(media, 'link.png'));
  symlinkSync('..', join(media, 'up'));
  symlinkSync('/dev/zero', join(media, 'zero.png'));
  symlinkSync('/proc/self/environ', join(media, 'environ.png'));
  symlinkSync('loop.png', join(media, 'loop.png'));
  execFileSync('mkfifo', [join(media, 'pipe.png')]);
  writeFileSync(join(media, 'huge.png'), image);
  truncateSync(join(media, 'huge.png'), 10e9);
}

function residentMegabytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

/** Asks, and says how it was refused. Fails when the model saw anything, or when the sentence says what is behind. */
async function refusal(url: string, type: 'image_url' | 'video_url' = 'image_url'): Promise<string> {
  const response = await look(server.url, [{ type, [type]: { url } }]);
  const body = (await response.json()) as { readonly error: { readonly message: string } };
  expect({ status: response.status, ...body }).toEqual({
    status: 400,
    error: { message: expect.any(String), type: 'invalid_request_error', param: null, code: 'media_rejected' },
  });
  const { message } = body.error;
  expect(message).not.toMatch(/vips|ffprobe|exited|\/tmp|0x[0-9a-f]{6}|passwd|ECONN|ENO|EACC|errno|secret/i);
  return message;
}

const unavailable = 'The host of this media URL does not exist, or this server may not ask it.';

describe('an address that is not public is not dialled', () => {
  const P = '{port}';
  const own = Object.values(networkInterfaces())
    .flatMap((all) => all ?? [])
    .find(({ internal, family }) => !internal && family === 'IPv4')?.address;

  test.each([
    `http://127.0.0.1:${P}/`,
    `http://localhost:${P}/`,
    `http://LOCALHOST.:${P}/`,
    `http://2130706433:${P}/`,
    `http://0x7f000001:${P}/`,
    `http://0x7f.1:${P}/`,
    `http://0177.0.0.1:${P}/`,
    `http://017700000001:${P}/`,
    `http://127.1:${P}/`,
    `http://127.0.0.1.:${P}/`,
    `http://%31%32%37.0.0.1:${P}/`,
    `http://①②⑦.⓪.⓪.①:${P}/`,
    `http://127。0。0。1:${P}/`,
    `http://0:${P}/`,
    `http://0.0.0.0:${P}/`,
    `http://[::1]:${P}/`,
    `http://[::]:${P}/`,
    `http://[::ffff:127.0.0.1]:${P}/`,
    `http://[::ffff:7f00:1]:${P}/`,
    `http://[::127.0.0.1]:${P}/`,
    `http://[64:ff9b::127.0.0.1]:${P}/`,
    `http://[64:ff9b:1::7f00:1]:${P}/`,
    `http://[2002:7f00:1::]:${P}/`,
    `http://[2001:0:7f00:1::]:${P}/`,
    `http://[fe80::1]:${P}/`,
    `http://[fec0::1]:${P}/`,
    `http://[100::1]:${P}/`,
    `http://[2001:db8::1]:${P}/`,
    `http://[fd00::1]:${P}/`,
    `http://[ff02::1]:${P}/`,
    `https://127.0.0.1:${P}/`,
    ...(own ? [`http://${own}:${P}/`] : []),
    'http://169.254.169.254/latest/meta-data/',
    'http://[fd00:ec2::254]/latest/meta-data/',
    'http://168.63.129.16/metadata/',
    'http://[::ffff:168.63.129.16]/metadata/',
    'http://100.100.100.200/latest/meta-data/',
    'http://10.0.0.1/',
    'http://172.16.0.1/',
    'http://192.168.0.1/',
    'http://198.18.0.1/',
    'http://224.0.0.1/',
    'http://255.255.255.255/',
    'http://240.0.0.1/',
  ])('%s', async (url) => {
    expect(await refusal(url.replace(P, String(trap.port)))).toBe(unavailable);
  });
});

describe('a URL that is not what it seems is refused', () => {
  test.each([
    ['with a user', 'http://user:password@{host}/picture', 'A media URL with a user or a password is not loaded.'],
    ['with a host that looks like a user', 'http://{host}@127.0.0.1:{port}/', 'user or a password'],
    ['with a backslash for a host', 'http://{host}\\@127.0.0.1:{port}/', 'answered with status 404'],
    ['with a fragment for a host', 'http://127.0.0.1:{port}#@{host}/', unavailable],
    ['without a host', 'http://', 'could not be read'],
    ['with a port beyond ports', 'http://{host}0000/', 'could not be read'],
    ['of FTP', 'ftp://{host}/', 'does not load media from ftp: URLs'],
    ['of Gopher', 'gopher://127.0.0.1:{port}/_GET%20/', 'does not load media from gopher: URLs'],
    ['of RTSP', 'rtsp://127.0.0.1:{port}/', 'does not load media from rtsp: URLs'],
    ['of a script', 'javascript:fetch()', 'does not load media from javascript: URLs'],
    ["of ffmpeg's", 'concat:/etc/hostname|/etc/hosts', 'does not load media from concat: URLs'],
    ['of an upload that there is not', 'upload:0', 'does not load media from upload: URLs'],
    ['of no known scheme', `${'x'.repeat(9_999)}:y`, 'does not load media from xxxx'],
  ])('%s', async (_name, url, reason) => {
    const said = await refusal(url.replace('{host}', host.name).replace('{port}', String(trap.port)));
    expect(said).toContain(reason);
    expect(said.length).toBeLessThan(200);
  });
});

describe('what an allowed host answers is not trusted', () => {
  test.each([
    ['/to-loopback', unavailable],
    ['/to-localhost', unavailable],
    ['/to-mapped', unavailable],
    ['/to-decimal', unavailable],
    ['/to-metadata', unavailable],
    ['/to-file', 'leads to file: URLs'],
    ['/to-data', 'leads to data: URLs'],
    ['/to-ftp', 'leads to ftp: URLs'],
    ['/to-user', 'user or a password'],
    ['/to-nowhere', 'could not be read'],
    ['/to-itself', 'more than 3 redirects'],
    ['/to-far-1', 'more than 3 redirects'],
    ['/missing', 'status 404'],
    ['/empty', 'status 204'],
    ['/partial', 'status 206'],
    ['/html', 'of a type that this server does not read'],
    ['/gzip', 'compressed body'],
    ['/bomb', 'compressed body'],
    ['/short', 'could not be fetched'],
    ['/says-much', 'larger than this server loads (1000000 bytes)'],
    ['/endless', 'larger than this server loads (1000000 bytes)'],
    ['/reset', 'could not be fetched'],
    ['/large-head', 'could not be fetched'],
  ])('%s', async (path, reason) => {
    expect(await refusal(`http://${host.name}${path}`)).toContain(reason);
  });
});

test('an allowed host that takes its time is not waited for any longer than the operator says', async () => {
  const slow = ['/drip', '/silent', '/head-only'].map((path) => refusal(`http://${host.name}${path}`));
  expect(new Set(await Promise.all(slow))).toEqual(
    new Set(['The media URL took longer than this server waits (5 s).']),
  );
});

describe('no file is read but regular ones below the allowed folder', () => {
  const hidden = 'This file does not exist, or this server may not read it.';
  test.each([
    ['that is not there', './media/missing.png', hidden],
    ['above it', './secret.png', hidden],
    ['above it, by a way back', './media/../secret.png', hidden],
    ['above it, by an encoded way back', 'file://{dir}/media/%2e%2e/secret.png', hidden],
    ['above it, by encoded slashes', 'file://{dir}/media%2f..%2fsecret.png', hidden],
    ['in a folder whose name begins alike', './media-of-others/secret.png', hidden],
    ['of the system', '/etc/passwd', hidden],
    ['of the system, by a URL', 'file:///etc/passwd', hidden],
    ['of the system, by a short URL', 'file:/etc/passwd', hidden],
    ['of the system, with a byte that ends names', 'file://{dir}/media/text.png%00/../../etc/passwd', hidden],
    ['of the process', '/proc/self/environ', hidden],
    ['of another host', 'file://example.com/share/a.png', hidden],
    ['behind a link', './media/link.png', hidden],
    ['behind a link to a folder', './media/up/secret.png', hidden],
    ['behind a link to a device', './media/zero.png', hidden],
    ['behind a link to the process', './media/environ.png', hidden],
    ['behind a link to itself', './media/loop.png', hidden],
    ['that is a pipe', './media/pipe.png', hidden],
    ['that is a folder', './media/folder', hidden],
    ['that is the folder', './media', hidden],
    ['without a name', '', hidden],
    ['that is a text', './media/text.png', 'of a type that this server does not read'],
    ['that is huge', './media/huge.png', 'larger than this server loads'],
  ])('%s', async (_name, url, reason) => {
    expect(await refusal(url.replace('{dir}', server.directory))).toContain(reason);
  });
});

describe('a picture is refused before it is decoded when it', () => {
  const image = picture('rgb_320x200.png');
  const photo = picture('rgb_128x96.jpg');
  const unknown = 'of a type that this server does not read';
  const broken = 'broken or cut short';
  test.each<readonly [string, Buffer, string]>([
    ['is a PNG of 30000x30000', png(30_000, 30_000, 3_750 * 30_000), '30000x30000 pixels'],
    ['is a GIF of 65535x65535', gif(65_535, 65_535), '65535x65535 pixels'],
    ['is a GIF of 20,000 frames of 2000x2000', gif(2_000, 2_000, 20_000), '2000x2000 pixels'],
    ['is a JPEG that says 65500x65500', jpeg(65_500, 65_500), 'pixels'],
    ['is a WEBP that says 16383x16383', webp(16_383, 16_383), 'pixels'],
    ['is a BMP that says 30000x30000', bmp(30_000, 30_000), '30000x30000 pixels'],
    ['is a BMP that says more than there is', bmp(900, 900), broken],
    ['is a BMP of a height below all numbers', bmp(1, -0x80000000), 'pixels'],
    ['is a PNG cut short', image.subarray(0, image.length / 2), broken],
    ['is a JPEG cut short', photo.subarray(0, photo.length / 2), broken],
    ['is only the beginning of one', image.subarray(0, 8), broken],
    ['is an SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><rect/></svg>'), unknown],
    [
      'is an SVG that reads files',
      Buffer.from('<?xml version="1.0"?><!DOCTYPE s [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg/>'),
      unknown,
    ],
    ['is a TIFF', Buffer.from('II*\0\x08\0\0\0\0\0\0\0\0\0\0\0'), unknown],
    ['is a HEIF', Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic'), unknown],
    ['is an AVIF', Buffer.from('\0\0\0\x18ftypavif\0\0\0\0mif1avif'), unknown],
    ['is a PDF', Buffer.from('%PDF-1.7\n%âãÏÓ\n'), unknown],
    ['is a playlist', Buffer.from('#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n'), unknown],
    ['is a list of files', Buffer.from('ffconcat version 1.0\nfile /etc/passwd\n'), unknown],
    ['is nothing', Buffer.alloc(0), unknown],
  ])('%s', async (_name, bytes, reason) => {
    expect(await refusal(dataUrl(bytes))).toContain(reason);
  });
});

describe('a data: URL is refused when it', () => {
  test.each([
    ['is larger than allowed', dataUrl(Buffer.alloc(1_000_001)), 'larger than this server loads (1000000 bytes)'],
    ['is larger than allowed without base64', `data:,${'x'.repeat(1_000_001)}`, 'larger than this server loads'],
    ['has no comma', 'data:image/png;base64', 'no comma'],
    ['has its comma far away', `data:${'x'.repeat(2_000)},`, 'no comma'],
    ['is not base64', 'data:image/png;base64,!!!!', 'not base64'],
    ['ends within a byte', 'data:image/png;base64,AAAAA', 'not base64'],
    ['holds a URL', `data:,${encodeURIComponent('http://127.0.0.1/')}`, 'of a type that this server does not read'],
  ])('%s', async (_name, url, reason) => {
    expect(await refusal(url)).toContain(reason);
  });
});

test('a request with more media than allowed is refused, also when they are all the same', async () => {
  const one = show(dataUrl(picture('rgb_20x20.png')));
  const response = await look(
    server.url,
    Array.from({ length: 100 }, () => one),
  );
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({
    error: { code: 'media_rejected', message: 'A request may name at most 4 media here.' },
  });
});

test('a picture with far more data than its size needs is seen, and the rest of it never unpacked', async () => {
  const response = await look(server.url, [show(dataUrl(png(10, 10, 500_000_000)))]);
  expect(response.status).toBe(200);
});

test.each([
  ['a URL that is no text', { type: 'image_url', image_url: { url: 7 } }],
  ['no URL', { type: 'image_url', image_url: {} }],
  ['a bare URL', { type: 'image_url', image_url: 'http://127.0.0.1/' }],
  ['a part of no known type', { type: 'file', file: { path: '/etc/passwd' } }],
])('%s is an invalid request', async (_name, part) => {
  const response = await look(server.url, [part]);
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ error: { type: 'invalid_request_error', code: 'invalid_request' } });
});

describeWithFfmpeg('a video is refused when it', () => {
  const h264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p'];
  const video = (): Buffer => clip({ as: 'mp4', options: h264 });
  const broken = 'could not be decoded';
  const ftyp = Buffer.from('\0\0\0\x14ftypisom\0\0\0\0isom');
  test.each<readonly [string, () => Buffer, string]>([
    ['is too long', () => clip({ as: 'mp4', frames: 200, options: h264 }), '20.0 s long'],
    [
      'is too large',
      () => clip({ as: 'mkv', frames: 1, options: ['-vf', 'scale=1280:1280', ...h264] }),
      '1280x1280 pixels',
    ],
    ['is cut short', () => video().subarray(0, video().length / 2), broken],
    ['is only the beginning of an MP4', () => Buffer.concat([ftyp, Buffer.alloc(500)]), broken],
    ['is a playlist behind the beginning of an MP4', () => Buffer.concat([ftyp, Buffer.from('#EXTM3U\n')]), broken],
    [
      'is a list of files in an AVI',
      () => Buffer.from('RIFF\x64\0\0\0AVI ffconcat version 1.0\nfile /etc/passwd\n'),
      'no video in it',
    ],
    [
      'has sound only',
      () => remux(video(), 'mp4', [], ['-f', 'lavfi', '-i', 'sine=duration=1', '-map', '1:a', '-c:a', 'aac']),
      'no video in it',
    ],
  ])('%s', async (_name, make, reason) => {
    expect(await refusal(dataUrl(make(), 'video/mp4'), 'video_url')).toContain(reason);
  });

  test('has more in it than a video: what is attached is not unpacked', async () => {
    const note = join(server.directory, 'note.txt');
    writeFileSync(note, 'attached');
    const attach = [
      '-attach',
      note,
      '-metadata:s:t',
      'mimetype=text/plain',
      '-metadata:s:t',
      'filename=../../unpacked.txt',
    ];
    const bytes = remux(clip({ as: 'mkv', options: h264 }), 'mkv', [], ['-c', 'copy', ...attach]);
    const response = await look(server.url, [show(dataUrl(bytes))]);
    expect(response.status).toBe(200);
    const around = [server.directory, dirname(server.directory), dirname(dirname(server.directory))];
    expect(around.flatMap((folder) => readdirSync(folder)).filter((name) => name.includes('unpacked'))).toEqual([]);
  });
});

describe('after all that', () => {
  test('nobody was asked who may not be asked', () => {
    expect(trap.caught).toEqual([]);
  });

  test('no temporary file is left', () => {
    const left = readdirSync(tmpdir()).filter((name) => name.startsWith(`backplane-media-${server.pid}-`));
    expect(left).toEqual([]);
  });

  test('the server has grown by less than 64 MB', () => {
    expect(residentMegabytes(server.pid) - before).toBeLessThan(64);
  });

  test('pictures are seen as before', async () => {
    const response = await look(server.url, [show(dataUrl(picture('rgb_64x64.png')))]);
    expect(response.status).toBe(200);
  });
});
