import { Failure } from '@backplane/core/sdk';
import type { Size } from './rgb.ts';
import { roundHalfEven } from './round.ts';

/** How many pixels a resized picture has at least and at most. */
export interface PixelBudget {
  readonly minPixels: number;
  readonly maxPixels: number;
}

/** Whose arithmetic: the vendor's pipeline stands on qwen-vl-utils; transformers answers otherwise for thin pictures. */
export type Rule = 'qwen-vl-utils' | 'transformers';

/** Patch size times merge size: sides are multiples of it, so that a picture is cut into whole tokens. */
export const factor = 32;
/** The least pixels of a picture in the vendor's pipeline: 4 tokens. preprocessor_config.json says 64 tokens. */
export const leastPixels = 4 * factor * factor;
/** The longest side in terms of the shortest. */
const steepest = 200;

/**
 * The size in which the model sees a picture: multiples of 32, nearly the same shape, within the budget. Throws
 * `media_rejected` when one side is more than 200 times the other, as the reference does.
 */
export function smartResize(size: Size, budget: PixelBudget, rule: Rule = 'qwen-vl-utils'): Size {
  checkShape(size);
  // qwen-vl-utils never lets a side be 0, transformers only where the area is out of the budget.
  const least = rule === 'qwen-vl-utils' ? factor : 0;
  const { width, height } = size;
  const rounded = { width: Math.max(least, nearest(width)), height: Math.max(least, nearest(height)) };
  return within(budget.maxPixels, fit(size, rounded, budget, 1, 1));
}

/**
 * The same for the frames of a video by transformers' arithmetic, where the budget counts the pixels of all frames.
 * Throws `media_rejected` for fewer than 2 frames, sides below 32 and one side more than 200 times the other.
 */
export function smartResizeVideo(frames: number, size: Size, budget: PixelBudget): Size {
  if (frames < 2) throw new Failure('media_rejected', 'A video needs at least 2 frames, and this one has fewer.');
  const { width, height } = size;
  if (Math.min(width, height) < factor) {
    const message = `A video needs sides of at least ${factor} pixels, and this one is ${width}x${height}.`;
    throw new Failure('media_rejected', message);
  }
  checkShape(size);
  const pairs = roundHalfEven(frames / 2);
  return fit(size, { width: nearest(width), height: nearest(height) }, budget, frames, pairs * 2);
}

/** `real` and `counted`: by how many frames the picture's and the rounded picture's pixels are multiplied. */
function fit(size: Size, rounded: Size, { minPixels, maxPixels }: PixelBudget, real: number, counted: number): Size {
  const area = counted * rounded.height * rounded.width;
  const pixels = real * size.height * size.width;
  if (area > maxPixels) {
    const shrink = Math.sqrt(pixels / maxPixels);
    const down = (side: number) => Math.max(factor, Math.floor(side / shrink / factor) * factor);
    return { width: down(size.width), height: down(size.height) };
  }
  if (area < minPixels) {
    const grow = Math.sqrt(minPixels / pixels);
    const up = (side: number) => Math.ceil((side * grow) / factor) * factor;
    return { width: up(size.width), height: up(size.height) };
  }
  return rounded;
}

/** Where rounding up went over the budget, which the reference lets happen and a chip cannot: the long side gives way. */
function within(maxPixels: number, size: Size): Size {
  const { width, height } = size;
  if (width * height <= maxPixels) return size;
  const long = Math.floor(maxPixels / Math.min(width, height) / factor) * factor;
  return width >= height ? { width: long, height } : { width, height: long };
}

const nearest = (side: number): number => roundHalfEven(side / factor) * factor;

function checkShape({ width, height }: Size): void {
  if (Math.max(width, height) / Math.min(width, height) <= steepest) return;
  const message = `The picture is ${width}x${height}: one side may be at most ${steepest} times the other; crop it.`;
  throw new Failure('media_rejected', message);
}
