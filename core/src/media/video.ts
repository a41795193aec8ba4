import { Failure, type Media } from '../sdk/index.ts';
import { inputOptions, runFfmpeg } from './ffmpeg.ts';
import { FrameReader } from './frames.ts';
import { checkSize, type Image } from './pixels.ts';
import { probe, type VideoInfo } from './probe.ts';
import { isVideo, sniff } from './sniff.ts';
import { withFile } from './temporary.ts';

export interface Video {
  readonly info: VideoInfo;
  /** In the order the plan asked for, one for each index it gave. */
  readonly frames: readonly Image[];
}

/** Asked before decoding. */
export interface VideoLimits {
  /** Longest video, seconds. Default 60. */
  readonly seconds?: number;
  /** Most frames in the file. Default 10,000. */
  readonly frames?: number;
  /** Most pixels of one frame. Default 16,777,216 (4096x4096). */
  readonly pixels?: number;
  /** Most bytes of the file. Default 256 MB. */
  readonly bytes?: number;
  /** Most bytes of all decoded frames that the plan asks for together. Default 512 MB. */
  readonly decodedBytes?: number;
  /** Time for looking and decoding together, milliseconds. Default 60,000. */
  readonly timeoutMs?: number;
}

const megabyte = 1024 * 1024;
const defaults = {
  seconds: 60,
  frames: 10_000,
  pixels: 4_096 * 4_096,
  bytes: 256 * megabyte,
  decodedBytes: 512 * megabyte,
  timeoutMs: 60_000,
} as const;

/**
 * Takes frames out of a video with the system's ffmpeg, a child process that an abort kills. `plan` is told what the video
 * is and gives the indices (0 .. frames-1) of the frames wanted; it may throw a Failure of its own. Where a container
 * promised frames that it does not have, the last one stands for them.
 * Throws `media_rejected` for what is no video, is over a limit or is broken, and where ffmpeg is not installed.
 */
export async function decodeVideo(
  media: Media,
  plan: (info: VideoInfo) => readonly number[],
  limits: VideoLimits,
  signal: AbortSignal,
): Promise<Video> {
  const bounds = { ...defaults, ...limits };
  const { bytes, path } = media;
  const mime = sniff(bytes) ?? '';
  if (!isVideo(mime)) {
    throw new Failure(
      'media_rejected',
      'This is no video that this server reads: MP4, AVI, MOV, MKV, WEBM, FLV or WMV.',
    );
  }
  if (bytes.length > bounds.bytes) {
    throw new Failure('media_rejected', `The video is larger than this server decodes (${bounds.bytes} bytes).`);
  }
  const late = AbortSignal.timeout(bounds.timeoutMs);
  const within = AbortSignal.any([signal, late]);
  const decode = (file: string): Promise<Video> => decodeFile(mime, file, plan, bounds, within);
  try {
    // From a pipe an MP4 with its table at the end cannot be read.
    return await (path === undefined ? withFile(bytes, decode) : decode(path));
  } catch (thrown) {
    if (!late.aborted || signal.aborted) throw thrown;
    const most = bounds.timeoutMs / 1_000;
    throw new Failure('media_rejected', `The video takes longer to decode than this server allows (${most} s).`, {
      cause: thrown,
    });
  }
}

async function decodeFile(
  mime: string,
  path: string,
  plan: (info: VideoInfo) => readonly number[],
  bounds: Required<VideoLimits>,
  signal: AbortSignal,
): Promise<Video> {
  const info = await probe(mime, path, signal);
  checkLimits(info, bounds);
  const wanted = plan(info);
  const indices = [...new Set(wanted)].toSorted((a, b) => a - b);
  if (indices.length === 0) return { info, frames: [] };
  const decoded = indices.length * info.width * info.height * 3;
  if (decoded > bounds.decodedBytes) {
    const reason = `The ${indices.length} frames of the video are ${decoded} bytes decoded; this server takes at most ${bounds.decodedBytes}.`;
    throw new Failure('media_rejected', reason);
  }
  const reader = new FrameReader(indices.length, bounds.pixels);
  await runFfmpeg('ffmpeg', selection(mime, path, indices), (chunk) => reader.push(chunk), signal);
  const last = reader.images.at(-1);
  if (!last) throw new Failure('media_rejected', 'The video has no frame that can be decoded.');
  const frames = wanted.map((index) => reader.images[indices.indexOf(index)] ?? last);
  return { info: { ...info, width: last.width, height: last.height }, frames };
}

/** One pass over the whole file, however many frames: a start of ffmpeg costs more than a second of video. */
function selection(mime: string, path: string, indices: readonly number[]): readonly string[] {
  const chosen = indices.map((index) => `eq(n,${index})`).join('+');
  return [
    ...['-nostdin', '-hide_banner'],
    ...inputOptions(mime, path),
    ...['-map', '0:V:0', '-an', '-sn', '-dn', '-vf', `select='${chosen}'`, '-fps_mode', 'passthrough'],
    ...['-frames:v', String(indices.length), '-f', 'image2pipe', '-c:v', 'ppm', '-pix_fmt', 'rgb24', 'pipe:1'],
  ];
}

function checkLimits({ seconds, frames, width, height }: VideoInfo, most: Required<VideoLimits>): void {
  checkSize('video', width, height, most.pixels);
  if (seconds > most.seconds) {
    const reason = `The video is ${seconds.toFixed(1)} s long; this server takes at most ${most.seconds} s.`;
    throw new Failure('media_rejected', reason);
  }
  if (frames > most.frames) {
    throw new Failure('media_rejected', `The video has ${frames} frames; this server takes at most ${most.frames}.`);
  }
}
