import { Failure } from '@backplane/core/sdk';
import type { RgbImage } from './rgb.ts';
import { eachPatch, merge, type PatchGrid } from './vision-positions.ts';

/** Pixels of a side of a patch. */
export const patchSide = 16;
/** Values of one patch: 3 channels, 2 moments in time, 16 rows, 16 columns. */
export const patchValues = 3 * 2 * patchSide * patchSide;
const plane = patchSide * patchSide;

/** How a byte becomes the model's float32: (v/255 - 0.5) / 0.5, rounded once. */
const normal = Float32Array.from({ length: 256 }, (_, value) => (value - 127.5) / 127.5);

export function patchGrid(image: { readonly width: number; readonly height: number }): PatchGrid {
  const block = patchSide * merge;
  if (image.width % block === 0 && image.height % block === 0 && image.width > 0 && image.height > 0) {
    return { rows: image.height / patchSide, columns: image.width / patchSide };
  }
  const message = `A picture of ${image.width}x${image.height} cannot be cut into ${block}x${block}: this is a bug.`;
  throw new Failure('internal', message);
}

/**
 * The input of the vision tower for a picture, or for a pair of frames: float32 [patches, 1536]. Patches come in
 * merge-block order; inside one: channel, moment, row, column. A still picture is the same at both moments.
 */
export function patchify(first: RgbImage, second: RgbImage = first): Float32Array<ArrayBuffer> {
  const { rows, columns } = patchGrid(first);
  if (second.width !== first.width || second.height !== first.height) {
    throw new Failure('internal', 'The two frames of a pair differ in size: this is a bug.');
  }
  const values = new Float32Array(rows * columns * patchValues);
  let at = 0;
  eachPatch({ rows, columns }, (row, column) => {
    const pixel = (row * first.width + column) * patchSide * 3;
    patch(first, pixel, values, at);
    if (second === first) repeat(values, at);
    else patch(second, pixel, values, at + plane);
    at += patchValues;
  });
  return values;
}

/** Writes one moment of one patch: three planes, each followed by room for the other moment. */
function patch({ data, width }: RgbImage, corner: number, values: Float32Array, at: number): void {
  let to = at;
  for (let row = 0; row < patchSide; row++) {
    let from = corner + row * width * 3;
    for (let column = 0; column < patchSide; column++, to++, from += 3) {
      values[to] = normal[data[from] as number] as number;
      values[to + 2 * plane] = normal[data[from + 1] as number] as number;
      values[to + 4 * plane] = normal[data[from + 2] as number] as number;
    }
  }
}

function repeat(values: Float32Array, at: number): void {
  for (let channel = at; channel < at + patchValues; channel += 2 * plane) {
    values.copyWithin(channel + plane, channel, channel + plane);
  }
}
