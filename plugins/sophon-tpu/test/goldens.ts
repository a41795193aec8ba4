import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { decodeImage } from '@backplane/core/media';
import type { RgbImage } from '../src/rgb.ts';

/** What the public reference implementations answered; goldens/README.md says which and how. */
export function golden<T>(name: string): T {
  return JSON.parse(bytes(`${name}.json`).toString());
}

export function bytes(path: string): Buffer<ArrayBuffer> {
  return readFileSync(new URL(`goldens/${path}`, import.meta.url));
}

/** A picture as the media kit decodes it, not turned by its EXIF orientation: the goldens' reference does not turn. */
export function picture(path: string): Promise<RgbImage> {
  const media = { mime: 'application/octet-stream', bytes: bytes(path) };
  return decodeImage(media, {}, AbortSignal.timeout(60_000), { autoOrient: false });
}

/** Of the values' little-endian bytes. */
export function sha256(values: ArrayBufferView): string {
  return createHash('sha256')
    .update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
    .digest('hex');
}

/** A float32 tensor as the goldens describe it. */
export interface Card {
  readonly shape: readonly number[];
  readonly sha256: string;
  readonly picks: readonly (readonly [index: number, value: number])[];
}
