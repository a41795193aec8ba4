import { Failure, type Media } from '../sdk/index.ts';
import type { Image } from './pixels.ts';

/** What is known of a video before anything of it is decoded. */
export interface VideoInfo {
  /** Length. */
  readonly seconds: number;
  /** Average rate, frames per second. */
  readonly fps: number;
  /** Exact: the packets were counted. */
  readonly frames: number;
  /** As it is shown, turned as the file says. Pixels. */
  readonly width: number;
  readonly height: number;
}

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

/**
 * Takes frames out of a video with the system's ffmpeg, a child process that an abort kills. `plan` is told what the video
 * is and gives the indices (0 .. frames-1) of the frames wanted; it may throw a Failure of its own. Where a container
 * promised frames that it does not have, the last one stands for them.
 * Throws `media_rejected` for what is no video, is over a limit or is broken, and where ffmpeg is not installed.
 */
export async function decodeVideo(
  _media: Media,
  _plan: (info: VideoInfo) => readonly number[],
  _limits: VideoLimits,
  _signal: AbortSignal,
): Promise<Video> {
  throw new Failure('media_rejected', 'Videos are not decoded yet.');
}
