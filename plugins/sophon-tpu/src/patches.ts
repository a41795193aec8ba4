import { Failure } from '@backplane/core/sdk';
import { cutInto } from './patch-memory.ts';
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
 * `into` saves fresh memory, which costs as much as the work, and vectors help where it is a `patchMemory`: it may be
 * longer, and its beginning is returned.
 */
export function patchify(first: RgbImage, second: RgbImage = first, into?: Floats): Floats {
  const { rows, columns } = patchGrid(first);
  if (second.width !== first.width || second.height !== first.height) {
    throw new Failure('internal', 'The two frames of a pair differ in size: this is a bug.');
  }
  const length = rows * columns * patchValues;
  const values = into?.subarray(0, length) ?? new Float32Array(length);
  if (values.length < length) {
    throw new Failure('internal', `A picture has ${length} values, and there is room for ${values.length}: a bug.`);
  }
  if (second === first) moment(first, values, 0, plane);
  else {
    moment(first, values, 0, 0);
    moment(second, values, plane, 0);
  }
  return values;
}

type Floats = Float32Array<ArrayBuffer>;

/** Writes one moment of every patch, from `at` in each, and the same `later` values on. */
function moment(image: RgbImage, values: Floats, at: number, later: number): void {
  if (cutInto(image, values, at, later)) return;
  let to = at;
  eachPatch(patchGrid(image), (row, column) => {
    planes(image, (row * image.width + column) * patchSide * 3, values, to, later);
    to += patchValues;
  });
}

/** Three planes of a patch; between them is room for the other moment's. */
function planes({ data, width }: RgbImage, corner: number, values: Floats, at: number, later: number): void {
  let to = at;
  for (let row = 0; row < patchSide; row++) {
    let from = corner + row * width * 3;
    for (let column = 0; column < patchSide; column++, to++, from += 3) {
      const red = normal[data[from] as number] as number;
      const green = normal[data[from + 1] as number] as number;
      const blue = normal[data[from + 2] as number] as number;
      values[to] = red;
      values[to + later] = red;
      values[to + 2 * plane] = green;
      values[to + 2 * plane + later] = green;
      values[to + 4 * plane] = blue;
      values[to + 4 * plane + later] = blue;
    }
  }
}
