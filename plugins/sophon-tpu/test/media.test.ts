import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Call, Media, Part } from '@backplane/core/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type MediaLimits, type PreparedMedium, prepareMedia } from '../src/media.ts';
import { options } from '../src/options.ts';
import { patchMemory } from '../src/patch-memory.ts';
import { oneDecimal } from '../src/round.ts';
import { bytes, type Card, golden, sha256 } from './goldens.ts';

const limits = (changes: object = {}, maxPixels = 65_536): MediaLimits => ({
  options: options.parse({ model_dir: '/models/qwen', ...changes }),
  budget: { minPixels: 4_096, maxPixels },
  maxPrompt: 1_024,
  tableSide: 48,
  patches: patchMemory(maxPixels / 256),
});

/** Files by URL, as the media loaders hand them over; names and types say nothing. */
function prepare(files: readonly Uint8Array[], given = limits()): Promise<PreparedMedium[]> {
  const call = {
    signal: AbortSignal.timeout(30_000),
    media: async (url: string): Promise<Media> => ({ mime: 'x/y', bytes: files[Number(url)] as Uint8Array }),
  };
  const content = files.map((_, index): Part => ({ type: 'image_url', image_url: { url: String(index) } }));
  const text: Part = { type: 'text', text: 'What is this?' };
  return prepareMedia([{ role: 'user', content: [text, ...content] }], given, call as unknown as Call);
}

interface Row {
  readonly file: string;
  readonly pixel_values: Card;
}
const { images } = golden<{ readonly images: readonly Row[] }>('images');
const unturned = images.filter(({ file }) => !file.includes('exif'));

describe('a picture of a request', () => {
  it.each(unturned)('reaches the vision tower as the reference has it: $file', async ({ file, pixel_values }) => {
    const [picture] = await prepare([bytes(file)]);
    expect(picture?.medium.kind).toBe('image');
    const input = picture?.input(0);
    expect(sha256(input?.patches ?? new Float32Array())).toBe(pixel_values.sha256);
    const patches = (input?.grid.rows ?? 0) * (input?.grid.columns ?? 0);
    expect([input?.positions.length, input?.corners.length, input?.weights.length]).toEqual([
      patches * 2,
      patches * 4,
      patches * 4,
    ]);
  });

  it('is turned as its EXIF orientation says', async () => {
    const [plain, turned] = await prepare([bytes('img/rgb_128x96.jpg'), bytes('img/exif6_128x96.jpg')]);
    expect(plain?.medium.grid).toEqual({ rows: 6, columns: 8 });
    expect(turned?.medium.grid).toEqual({ rows: 8, columns: 6 });
  });

  it('is known again by its bytes', async () => {
    const [one, other, again] = await prepare(
      ['rgb_64x64.png', 'rgb_20x20.png', 'rgb_64x64.png'].map((name) => bytes(`img/${name}`)),
    );
    expect(again?.digest).toBe(one?.digest);
    expect(other?.digest).not.toBe(one?.digest);
  });

  it('is refused when it is none', async () => {
    await expect(prepare([Buffer.from('no picture at all')])).rejects.toMatchObject({ code: 'media_rejected' });
  });
});

const ffmpeg = spawnSync('ffmpeg', ['-version']).error === undefined;
const describeWithFfmpeg: (name: string, tests: () => void) => void = ffmpeg
  ? describe
  : (name, tests) => describe.skip(`${name} (skipped: no ffmpeg; apt-get install ffmpeg)`, tests);

describeWithFfmpeg('a video of a request', () => {
  let folder: string;
  /** 4 seconds, 10 frames each, 320x192. */
  let clip: Buffer;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'backplane-clip-'));
    const file = join(folder, 'clip.mp4');
    const source = 'testsrc=size=320x192:rate=10:duration=4';
    execFileSync('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', source, '-pix_fmt', 'yuv420p', file]);
    clip = readFileSync(file);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('is known by its content where it came as a picture, and is seen in pairs of frames', async () => {
    const [video] = await prepare([clip]);
    expect(video?.medium).toEqual({ kind: 'video', grid: { rows: 8, columns: 14 }, seconds: [0.65, 3.25] });
  });

  it('has other frames in each pair, in memory that is used again', async () => {
    const given = limits();
    const [video] = await prepare([clip], given);
    const hashes = [0, 1, 0].map((pair) => sha256(video?.input(pair).patches ?? new Float32Array()));
    expect(hashes[2]).toBe(hashes[0]);
    expect(hashes[1]).not.toBe(hashes[0]);
    const { patches } = video?.input(0) ?? {};
    expect(patches?.buffer).toBe(given.patches.buffer);
    // The two frames of a pair are not the same, as the two moments of a still picture are.
    const differs = patches?.some((value, at) => at % 512 < 256 && value !== patches[at + 256]);
    expect(differs).toBe(true);
  });

  it.each([
    ['video.pixel_ratio', { video: { pixel_ratio: 0.25 } }],
    ['video_ratio', { video_ratio: 0.25 }],
    ['video_ratio before video.pixel_ratio', { video: { pixel_ratio: 1 }, video_ratio: 0.25 }],
  ])('has a part of the pixels by %s', async (_, changes) => {
    const [small] = await prepare([clip], limits(changes));
    expect(small?.medium.grid).toEqual({ rows: 6, columns: 10 });
  });

  it('shows more frames where the operator wants them', async () => {
    const [video] = await prepare([clip], limits({ video: { fps: 2 } }));
    expect(video?.medium.kind === 'video' && video.medium.seconds.map(oneDecimal)).toEqual([
      '0.3',
      '1.4',
      '2.5',
      '3.6',
    ]);
  });

  it('is refused when it is too long', async () => {
    const long = prepare([clip], limits({ video: { max_seconds: 3 } }));
    await expect(long).rejects.toMatchObject({ code: 'media_rejected', message: expect.stringContaining('3') });
  });
});
