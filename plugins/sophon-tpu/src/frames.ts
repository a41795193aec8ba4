import { Failure } from '@backplane/core/sdk';
import { roundHalfEven } from './round.ts';
import { factor, type PixelBudget, type Rule } from './smart-resize.ts';

/** A video as the decoder describes it: exact number of frames, frames per second (the average rate). */
export interface VideoClock {
  readonly frames: number;
  readonly fps: number;
}

export interface FrameChoice {
  /** Frames per second that the model shall see. */
  readonly fps: number;
  /** Default 4. */
  readonly minFrames?: number;
  /** Default 768. */
  readonly maxFrames?: number;
}

const pair = 2;

/**
 * Which frames the model sees: indices 0 .. frames-1, ascending, evenly spread, the first and the last one always.
 * Their number is even by qwen-vl-utils' rule. Throws `media_rejected` for a video of fewer than 2 frames.
 */
export function chooseFrames(video: VideoClock, choice: FrameChoice, rule: Rule = 'qwen-vl-utils'): number[] {
  const { frames: total, fps } = video;
  const { minFrames = 4, maxFrames = 768 } = choice;
  if (total < pair) {
    throw new Failure('media_rejected', `The video has ${total} frame(s); it needs at least 2. Send it as an image.`);
  }
  const wanted = (total / fps) * choice.fps;
  if (rule === 'transformers') {
    return spread(total, Math.min(Math.max(Math.trunc(wanted), minFrames), maxFrames, total), (value) => value);
  }
  const least = Math.ceil(minFrames / pair) * pair;
  const most = Math.floor(Math.min(maxFrames, total) / pair) * pair;
  const count = Math.floor(Math.min(Math.max(wanted, least), most) / pair) * pair;
  return spread(total, count, Math.fround);
}

/** linspace(0, total-1, count), rounded; `as` rounds to the float type that the reference computes in. */
function spread(total: number, count: number, as: (value: number) => number): number[] {
  const end = total - 1;
  const step = as(end / (count - 1));
  return Array.from({ length: count }, (_, index) => {
    // torch counts the second half from the end, numpy sets the last value; both meet the end exactly.
    const last = count - 1 - index;
    const value = as === Math.fround && index >= count >> 1 ? as(end - as(step * last)) : as(step * index);
    return last === 0 ? end : roundHalfEven(value);
  });
}

/** Seconds of each pair of frames: the mean of both. An odd last frame is its own partner. */
export function pairSeconds(indices: readonly number[], fps: number): number[] {
  const seconds: number[] = [];
  for (let at = 0; at < indices.length; at += pair) {
    const first = (indices[at] ?? 0) / fps;
    const second = (indices[at + 1] ?? indices[at] ?? 0) / fps;
    seconds.push((first + second) / 2);
  }
  return seconds;
}

/**
 * The pixels that one frame may have. `maxPixels` of the budget is what the model takes per picture; `ratio` (0 to 1)
 * is the part of it that a frame may use; `totalPixels` is shared by all pairs of frames.
 * As qwen-vl-utils 0.0.14 does it with what the vendor's pipeline passes.
 */
export function frameBudget(
  frames: number,
  budget: PixelBudget,
  { ratio, totalPixels }: { readonly ratio: number; readonly totalPixels: number },
): PixelBudget {
  const { minPixels } = budget;
  const share = Math.min(frameTokens * factor * factor, (totalPixels / frames) * pair);
  const ceiling = Math.max(share, Math.trunc(minPixels * 1.05));
  return { minPixels, maxPixels: Math.min(Math.trunc(budget.maxPixels * ratio), ceiling) };
}

/** Tokens that one frame has at most. */
const frameTokens = 768;
