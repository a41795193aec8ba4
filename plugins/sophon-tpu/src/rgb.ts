import { Failure } from '@backplane/core/sdk';

/** Pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** A decoded picture: 3 bytes (red, green, blue) per pixel, row by row, without padding. */
export interface RgbImage extends Size {
  readonly data: Uint8Array;
}

/** Throws `internal` when the bytes are not those of a picture of this size. */
export function checkRgb(image: RgbImage): RgbImage {
  const { width, height, data } = image;
  if (Number.isInteger(width) && Number.isInteger(height) && width > 0 && data.length === width * height * 3)
    return image;
  const expected = `${width}x${height} RGB pixels are ${width * height * 3} bytes`;
  throw new Failure('internal', `A decoder handed over ${data.length} bytes, but ${expected}: this is a bug.`);
}
