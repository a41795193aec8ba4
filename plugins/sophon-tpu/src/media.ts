import { createHash } from 'node:crypto';
import { decodeImage, decodeVideo, isVideo, sniff } from '@backplane/core/media';
import { type Call, Failure, type Media, type Message } from '@backplane/core/sdk';
import { chooseFrames, frameBudget, pairSeconds } from './frames.ts';
import type { Options } from './options.ts';
import { patchGrid } from './patches.ts';
import type { Medium } from './prompt.ts';
import type { RgbImage, Size } from './rgb.ts';
import { type PixelBudget, smartResize } from './smart-resize.ts';
import { imageInput, pairInput, type VisionInput } from './vision.ts';

/** What the model takes of pictures and videos. */
export interface MediaLimits {
  readonly options: Options;
  readonly budget: PixelBudget;
  /** Tokens of a prompt, which a video shares with its text. */
  readonly maxPrompt: number;
  /** Entries of a side of the learned position table. */
  readonly tableSide: number;
  /** Room for the patches of the largest picture, used again for each. */
  readonly patches: Float32Array<ArrayBuffer>;
}

/** A picture or video of a request, decoded. */
export interface PreparedMedium {
  readonly medium: Medium;
  /** Of its bytes: the same picture has the same. */
  readonly digest: string;
  /**
   * Of the picture (pair 0), or of a pair of frames. Made when asked for, and to be used before the next is asked for:
   * they share memory.
   */
  input(pair: number): VisionInput;
}

/** Fetches and decodes what the messages refer to, in their order. Throws `media_rejected`. */
export async function prepareMedia(
  messages: readonly Message[],
  limits: MediaLimits,
  call: Call,
): Promise<PreparedMedium[]> {
  const prepared: PreparedMedium[] = [];
  for (const url of mediaUrls(messages)) prepared.push(await prepare(await call.media(url), limits, call.signal));
  return prepared;
}

function mediaUrls(messages: readonly Message[]): string[] {
  return messages
    .flatMap(({ content }) => (Array.isArray(content) ? content : []))
    .flatMap((part) => {
      if (part.type === 'image_url') return [part.image_url.url];
      return part.type === 'video_url' ? [part.video_url.url] : [];
    });
}

async function prepare(media: Media, limits: MediaLimits, signal: AbortSignal): Promise<PreparedMedium> {
  const digest = createHash('sha256').update(media.bytes).digest('hex');
  // By content: clients send videos as image_url too.
  const video = isVideo(sniff(media.bytes) ?? '');
  return { digest, ...(video ? await prepareVideo(media, limits, signal) : await prepareImage(media, limits, signal)) };
}

type Prepared = Omit<PreparedMedium, 'digest'>;

async function prepareImage(media: Media, limits: MediaLimits, signal: AbortSignal): Promise<Prepared> {
  const image = await decodeImage(media, { pixels: limits.options.max_image_pixels }, signal);
  const size = smartResize(image, limits.budget);
  return {
    medium: { kind: 'image', grid: patchGrid(size) },
    input: () => imageInput(image, size, limits.tableSide, limits.patches),
  };
}

async function prepareVideo(media: Media, limits: MediaLimits, signal: AbortSignal): Promise<Prepared> {
  const { video, max_image_pixels } = limits.options;
  let indices: number[] = [];
  const plan = (info: { readonly frames: number; readonly fps: number }): number[] => {
    indices = chooseFrames(info, { fps: video.fps });
    return indices;
  };
  const decoded = await decodeVideo(media, plan, { seconds: video.max_seconds, pixels: max_image_pixels }, signal);
  const size = frameSize(decoded.frames, limits);
  return {
    medium: { kind: 'video', grid: patchGrid(size), seconds: pairSeconds(indices, decoded.info.fps) },
    input: (pair) => pairInput(decoded.frames, pair, size, limits.tableSide, limits.patches),
  };
}

function frameSize(frames: readonly RgbImage[], { budget, options, maxPrompt }: MediaLimits): Size {
  const [first] = frames;
  if (!first) throw new Failure('media_rejected', 'The video has no frame that can be decoded.');
  const totalPixels = (maxPrompt - tokensForText) * pixelsOfToken;
  const ratio = options.video_ratio ?? options.video.pixel_ratio;
  return smartResize(first, frameBudget(frames.length, budget, { ratio, totalPixels }));
}

/** As the vendor's pipeline reserves them. */
const tokensForText = 128;
const pixelsOfToken = 32 * 32;
