import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeVideo, sniff, type VideoInfo, type VideoLimits } from '@backplane/core/media';
import { expect, test } from 'vitest';
import { type Clip, clip, describeWithFfmpeg, height, numberOf, remux, width } from './clips.ts';

const never = new AbortController().signal;
const spread = ({ frames }: VideoInfo): number[] => [0, 7, 8, 15, 28, frames - 1];
const decode = (bytes: Uint8Array, plan = spread, limits: VideoLimits = {}, signal = never) =>
  decodeVideo({ mime: '', bytes }, plan, limits, signal);
const leftovers = (): string[] =>
  readdirSync(tmpdir()).filter((name) => name.startsWith(`backplane-media-${process.pid}-`));

/** Which of ffmpeg's programs this process runs, as Linux tells it. */
function children(): string[] {
  const ids = readdirSync('/proc/self/task').flatMap((thread) =>
    readFileSync(`/proc/self/task/${thread}/children`, 'utf8').split(' ').filter(Boolean),
  );
  return ids
    .flatMap((id) => (existsSync(`/proc/${id}/comm`) ? [readFileSync(`/proc/${id}/comm`, 'utf8').trim()] : []))
    .filter((name) => name.startsWith('ff'));
}

async function waitUntil(happened: () => boolean): Promise<void> {
  while (!happened()) await new Promise((resolve) => setTimeout(resolve, 5));
}

const h264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p'];
const kinds: readonly (Clip & { readonly mime: string; readonly name: string })[] = [
  { name: 'MP4, H.264', as: 'mp4', mime: 'video/mp4', options: h264 },
  {
    name: 'MP4, H.265',
    as: 'mp4',
    mime: 'video/mp4',
    options: ['-c:v', 'libx265', '-x265-params', 'log-level=none:pools=1'],
  },
  { name: 'MOV, H.264', as: 'mov', mime: 'video/quicktime', options: h264 },
  { name: 'MKV, H.264', as: 'mkv', mime: 'video/x-matroska', options: h264 },
  { name: 'WEBM, VP8', as: 'webm', mime: 'video/webm', options: ['-c:v', 'libvpx', '-deadline', 'realtime'] },
  { name: 'AVI, MPEG-4', as: 'avi', mime: 'video/x-msvideo', options: ['-c:v', 'mpeg4', '-q:v', '2'] },
  { name: 'FLV', as: 'flv', mime: 'video/x-flv', options: ['-c:v', 'flv1', '-q:v', '2'] },
  { name: 'WMV', as: 'wmv', mime: 'video/x-ms-wmv', options: ['-c:v', 'wmv2', '-q:v', '2'] },
];

describeWithFfmpeg('a video', () => {
  test.each(kinds)('in $name gives exactly the frames that were asked for', async ({ mime, ...kind }) => {
    const bytes = clip(kind);
    expect(sniff(bytes)).toBe(mime);
    const { info, frames } = await decode(bytes);
    expect(info).toMatchObject({ frames: 30, width, height });
    expect(info.fps).toBeCloseTo(10, 0);
    expect(info.seconds).toBeGreaterThan(2.8);
    expect(info.seconds).toBeLessThan(3.3);
    expect(frames.map(numberOf)).toEqual([0, 7, 8, 15, 28, 29]);
    expect(frames.every((frame) => frame.data.length === width * height * 3)).toBe(true);
  });

  test('gives frames in the order of the plan, and one twice where it is asked for twice', async () => {
    const { frames } = await decode(clip({ as: 'mkv', options: h264 }), () => [20, 3, 3]);
    expect(frames.map(numberOf)).toEqual([20, 3, 3]);
  });

  test('that lies in a file already is read there, and left there', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'video-'));
    try {
      const path = join(folder, '-a video:.mkv');
      const bytes = clip({ as: 'mkv', options: h264 });
      writeFileSync(path, bytes);
      // Only the type is told by the bytes.
      const { frames } = await decodeVideo({ mime: '', bytes: bytes.subarray(0, 64), path }, spread, {}, never);
      expect(frames.map(numberOf)).toEqual([0, 7, 8, 15, 28, 29]);
      expect(existsSync(path)).toBe(true);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('of changing speed is counted by its frames', async () => {
    // Frames 0 to 9 last as long as 10 to 29 together.
    const options = [...h264, '-vf', "setpts='if(lt(N,10),N*2,10+N)/10/TB'", '-fps_mode', 'passthrough', '-r', '100'];
    const { info, frames } = await decode(clip({ as: 'mp4', options }));
    expect(info.frames).toBe(30);
    expect(frames.map(numberOf)).toEqual([0, 7, 8, 15, 28, 29]);
  });

  test('that is to be shown turned comes turned', async () => {
    const turned = remux(clip({ as: 'mkv', options: h264 }), 'mov', [], ['-c', 'copy', '-metadata:s:v', 'rotate=90']);
    const { info, frames } = await decode(turned, () => [0]);
    expect(info).toMatchObject({ width: height, height: width });
    expect(frames[0]).toMatchObject({ width: height, height: width });
  });

  test('whose last frames are missing gives the last one there is instead', async () => {
    const whole = clip({ as: 'avi', options: ['-c:v', 'mpeg4', '-q:v', '2'] });
    const { frames } = await decode(whole, () => [0, 29, 30, 31]);
    expect(frames.map(numberOf)).toEqual([0, 29, 29, 29]);
  });

  test.each([
    ['longer than the limit', { seconds: 2 }, /3\.\d s long.*at most 2 s/],
    ['of more frames than the limit', { frames: 29 }, /30 frames.*at most 29/],
    ['of larger frames than the limit', { pixels: 6_143 }, /96x64 pixels.*at most 6143/],
    ['in a larger file than the limit', { bytes: 100 }, /larger than this server decodes \(100 bytes\)/],
    ['whose frames would take too much memory', { decodedBytes: 100_000 }, /6 frames.*110592 bytes.*at most 100000/],
  ] as const)('%s is refused before a frame is decoded', async (_name, limits, reason) => {
    let planned = 0;
    const plan = (info: VideoInfo): number[] => {
      planned++;
      return spread(info);
    };
    const refused = decode(clip({ as: 'mp4', options: h264 }), plan, limits);
    await expect(refused).rejects.toMatchObject({ code: 'media_rejected', message: expect.stringMatching(reason) });
    expect(planned).toBe('decodedBytes' in limits ? 1 : 0);
  });

  test('that takes too long is given up, with the time allowed', async () => {
    await expect(decode(clip({ as: 'mp4', options: h264 }), spread, { timeoutMs: 1 })).rejects.toMatchObject({
      code: 'media_rejected',
      message: expect.stringContaining('(0.001 s)'),
    });
  });

  test.runIf(process.platform === 'linux')('whose caller goes while it is decoded is decoded no further', async () => {
    const long = clip({ as: 'mkv', frames: 250, options: ['-vf', 'scale=1920:1280', ...h264] });
    const gone = new AbortController();
    const reason = new Error('gone');
    const decoding = decode(long, ({ frames }) => [frames - 1], {}, gone.signal);
    await waitUntil(() => children().includes('ffmpeg'));
    gone.abort(reason);
    await expect(decoding).rejects.toBe(reason);
    expect(children()).toEqual([]);
    expect(leftovers()).toEqual([]);
  });

  test('whose caller has gone is given up for that reason', async () => {
    const gone = new AbortController();
    const reason = new Error('gone');
    const plan = (): number[] => {
      gone.abort(reason);
      return [0];
    };
    await expect(decode(clip({ as: 'mp4', options: h264 }), plan, {}, gone.signal)).rejects.toBe(reason);
  });

  test('that is cut short, or is none, is refused without a word of ffmpeg', async () => {
    const whole = clip({ as: 'mp4', options: h264 });
    // The table of an MP4 stands at its end.
    for (const broken of [
      whole.subarray(0, whole.length / 2),
      Buffer.concat([whole.subarray(0, 64), Buffer.alloc(999)]),
    ]) {
      await expect(decode(broken)).rejects.toMatchObject({
        code: 'media_rejected',
        message: 'The video could not be decoded: it is broken, cut short or of an unknown kind.',
      });
    }
    await expect(decode(Buffer.from('#EXTM3U'))).rejects.toMatchObject({ code: 'media_rejected' });
  });

  test('leaves no file behind, whatever became of it', async () => {
    const bytes = clip({ as: 'mp4', options: h264 });
    await decode(bytes);
    await decode(bytes.subarray(0, 999)).catch(() => {});
    await decode(bytes, spread, { timeoutMs: 1 }).catch(() => {});
    expect(leftovers()).toEqual([]);
  });
});

test('Without ffmpeg a video is refused with what to install', async () => {
  const path = process.env.PATH;
  process.env.PATH = '/nowhere';
  try {
    const bytes = Buffer.concat([Buffer.from('\0\0\0\x18ftypisom'), Buffer.alloc(64)]);
    await expect(decode(bytes)).rejects.toMatchObject({
      code: 'media_rejected',
      message: expect.stringContaining('ffmpeg is not installed'),
    });
  } finally {
    process.env.PATH = path;
  }
});
