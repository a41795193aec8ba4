import { resizeBicubic } from './bicubic.ts';
import { patchGrid, patchify } from './patches.ts';
import type { RgbImage, Size } from './rgb.ts';
import { type PatchGrid, patchPositions, tableCorners } from './vision-positions.ts';

/** What the vision tower takes for one picture or one pair of frames. */
export interface VisionInput {
  /** In patches; patches = rows * columns, tokens = patches / 4. */
  readonly grid: PatchGrid;
  /** float32 [patches, 1536]. */
  readonly patches: Float32Array<ArrayBuffer>;
  /** int32 [patches, 2]. */
  readonly positions: Int32Array<ArrayBuffer>;
  /** int32 [patches, 4]. */
  readonly corners: Int32Array<ArrayBuffer>;
  /** float32 [patches, 4]. */
  readonly weights: Float32Array<ArrayBuffer>;
}

/** Entries of a side of Qwen3-VL's learned position table. */
const tableSide = 48;

/**
 * A picture in the size that `smartResize` chose. `side`: of the learned position table. `into`: memory for the patches,
 * which must then be used before the next picture is written there.
 */
export function imageInput(
  image: RgbImage,
  size: Size,
  side = tableSide,
  into?: Float32Array<ArrayBuffer>,
): VisionInput {
  const resized = resizeBicubic(image, size);
  return { ...gridInput(size, side), patches: patchify(resized, resized, into) };
}

/**
 * The pair-th pair of a video's frames, from 0; an odd last frame is its own partner. All frames have one size.
 * `into`: as for `imageInput`.
 */
export function pairInput(
  frames: readonly RgbImage[],
  pair: number,
  size: Size,
  side = tableSide,
  into?: Float32Array<ArrayBuffer>,
): VisionInput {
  const first = resizeBicubic(frames[2 * pair] as RgbImage, size);
  const partner = frames[2 * pair + 1];
  return { ...gridInput(size, side), patches: patchify(first, partner && resizeBicubic(partner, size), into) };
}

/** All pairs of a video's frames. */
export function videoInputs(frames: readonly RgbImage[], size: Size, side = tableSide): VisionInput[] {
  const pairs = Math.ceil(frames.length / 2);
  return Array.from({ length: pairs }, (_, pair) => pairInput(frames, pair, size, side));
}

function gridInput(size: Size, side: number): Omit<VisionInput, 'patches'> {
  const grid = patchGrid(size);
  const { indices, weights } = tableCorners(grid, side);
  return { grid, positions: patchPositions(grid), corners: indices, weights };
}
