import { Failure } from '../sdk/index.ts';

/** A decoded picture: 3 bytes (red, green, blue) per pixel, row by row, without padding. */
export interface Image {
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** Throws `media_rejected` with the numbers when a picture is larger than `pixels`, or empty. */
export function checkSize(what: string, width: number, height: number, pixels: number): void {
  if (width > 0 && height > 0 && width * height <= pixels) return;
  const reason = `The ${what} is ${width}x${height} pixels; this server decodes at most ${pixels} in all.`;
  throw new Failure('media_rejected', reason);
}

/** A value of a given alpha over white, both 0 to 255, rounded as Pillow's `paste` does (MULDIV255). */
export function overWhite(value: number, alpha: number): number {
  const blended = value * alpha + 255 * (255 - alpha) + 128;
  return ((blended >> 8) + blended) >> 8;
}
