import { Failure, type Media } from '../sdk/index.ts';
import { decodeBmp } from './bmp.ts';
import { checkSize, type Image, overWhite } from './pixels.ts';
import { isImage, sniff } from './sniff.ts';

export interface ImageLimits {
  /** Most pixels, asked before decoding. Default 33,554,432 (8192x4096). */
  readonly pixels?: number;
  /** Longest decoding, whole seconds. Default 20. */
  readonly seconds?: number;
}

export interface ImageOptions {
  /** Whether the picture is turned as its EXIF orientation says. Default true. */
  readonly autoOrient?: boolean;
}

const defaultPixels = 8_192 * 4_096;
const defaultSeconds = 20;

/**
 * Decodes a JPEG, PNG, BMP, GIF or WEBP; of an animation its first frame. Colour profiles are not applied. Pictures with
 * an alpha channel (RGBA) go over white; of grey with alpha and of palettes the alpha is dropped, as Pillow's
 * `convert("RGB")` does: that is what Qwen's preprocessing expects.
 * Throws `media_rejected` for what is none of these, is over a limit or is cut short.
 */
export async function decodeImage(
  media: Media,
  limits: ImageLimits,
  signal: AbortSignal,
  options: ImageOptions = {},
): Promise<Image> {
  signal.throwIfAborted();
  const { bytes } = media;
  const mime = sniff(bytes);
  if (mime === undefined || !isImage(mime)) {
    throw new Failure('media_rejected', 'This is no picture that this server reads: JPEG, PNG, BMP, GIF or WEBP.');
  }
  const pixels = limits.pixels ?? defaultPixels;
  if (mime === 'image/bmp') return decodeBmp(bytes, pixels);
  return decodeWithSharp(bytes, mime, { pixels, seconds: limits.seconds ?? defaultSeconds, ...options }, signal);
}

interface Bounds extends ImageOptions {
  readonly pixels: number;
  readonly seconds: number;
}

async function decodeWithSharp(bytes: Uint8Array, mime: string, bounds: Bounds, signal: AbortSignal): Promise<Image> {
  const { pixels, seconds, autoOrient = true } = bounds;
  const sharp = await loadSharp();
  // Only its head is read, so that a refusal can say the size.
  const { width, height, hasAlpha } = await sharp(bytes, { limitInputPixels: false }).metadata().catch(unreadable);
  checkSize('picture', width, height, pixels);
  signal.throwIfAborted();
  const { data, info } = await sharp(bytes, { limitInputPixels: pixels, failOn: 'error', ignoreIcc: true, autoOrient })
    .timeout({ seconds })
    .toColourspace('srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true })
    .catch(unreadable);
  signal.throwIfAborted();
  const rgba = hasAlpha && (mime === 'image/webp' || (mime === 'image/png' && bytes[25] === pngRgba));
  return { width: info.width, height: info.height, data: toRgb(data, info.channels, rgba) };
}

/** Colour type in the header of a PNG: red, green, blue and alpha. */
const pngRgba = 6;

type Sharp = typeof import('sharp')['default'];
let sharpLoading: Promise<Sharp> | undefined;

/** sharp with the loaders of four formats, from memory: SVG, TIFF, HEIF and paths are refused by libvips itself. */
function loadSharp(): Promise<Sharp> {
  sharpLoading ??= import('sharp').then(({ default: sharp }) => {
    sharp.block({ operation: ['VipsForeignLoad'] });
    sharp.unblock({ operation: ['Jpeg', 'Png', 'Webp', 'Nsgif'].map((name) => `VipsForeignLoad${name}Buffer`) });
    // It would keep what was decoded, for the same picture again.
    sharp.cache(false);
    return sharp;
  });
  return sharpLoading;
}

/** What libvips says of a picture names its own functions and addresses: for the cause, not for the client. */
function unreadable(cause: unknown): never {
  const message = cause instanceof Error ? cause.message : '';
  if (/timeout/i.test(message)) {
    throw new Failure('media_rejected', 'The picture takes longer to decode than this server allows.', { cause });
  }
  throw new Failure('media_rejected', 'The picture could not be decoded: it is broken or cut short.', { cause });
}

/** From 1 to 4 channels; `rgba`: the fourth is an alpha to be applied, else it is dropped. */
function toRgb(data: Uint8Array, channels: number, rgba: boolean): Uint8Array {
  if (channels === 3) return data;
  const rgb = new Uint8Array((data.length / channels) * 3);
  for (let from = 0, to = 0; from < data.length; from += channels, to += 3) {
    for (let c = 0; c < 3; c++) {
      const value = data[channels < 3 ? from : from + c] as number;
      rgb[to + c] = rgba ? overWhite(value, data[from + 3] as number) : value;
    }
  }
  return rgb;
}
