import { alongColumns, alongRows } from './bicubic-scalar.ts';
import { simdResize } from './bicubic-simd.ts';
import { checkRgb, type RgbImage, type Size } from './rgb.ts';

/**
 * Pillow's `Image.resize(size, BICUBIC)`, bit for bit (Pillow up to 12): Keys' cubic with a = -0.5, widened when
 * shrinking, coefficients in 22-bit fixed point, first along rows, rounded to bytes, then along columns.
 * The picture itself is returned where the size is the same.
 */
export function resizeBicubic(image: RgbImage, size: Size): RgbImage {
  checkRgb(image);
  if (image.width === size.width && image.height === size.height) return image;
  return { ...size, data: simdResize(image, size) ?? resizeScalar(image, size) };
}

/** The same without vectors, three times slower. */
export function resizeScalar(image: RgbImage, size: Size): Uint8Array {
  let { data } = image;
  if (size.width !== image.width) data = alongRows(data, image, size.width);
  if (size.height !== image.height) data = alongColumns(data, size.width * 3, image.height, size.height);
  return data;
}
