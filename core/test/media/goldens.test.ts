import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { decodeImage, type Image, sniff } from '@backplane/core/media';
import { expect, test } from 'vitest';

interface Golden {
  readonly file: string;
  readonly size_wh: readonly [width: number, height: number];
  readonly rgb_sha256: string;
  readonly rgb_after_exif_transpose?: {
    readonly size_wh: readonly [width: number, height: number];
    readonly sha256: string;
  };
}

/** Written by Pillow, see the README there. */
const goldens = new URL('../../../plugins/sophon-tpu/test/goldens/', import.meta.url);
const read = (name: string): Buffer => readFileSync(new URL(name, goldens));
const { images } = JSON.parse(read('images.json').toString()) as { readonly images: readonly Golden[] };
const never = new AbortController().signal;

const decode = (file: string, autoOrient?: boolean): Promise<Image> =>
  decodeImage({ mime: '', bytes: read(file) }, {}, never, { ...(autoOrient !== undefined && { autoOrient }) });

function card({ width, height, data }: Image): object {
  return { size_wh: [width, height], sha256: createHash('sha256').update(data).digest('hex') };
}

test.each(images)('$file decodes to the pixels that Pillow makes of it', async ({ file, size_wh, rgb_sha256 }) => {
  expect(card(await decode(file, false))).toEqual({ size_wh, sha256: rgb_sha256 });
});

test.each(
  images.filter(({ rgb_after_exif_transpose }) => rgb_after_exif_transpose),
)('$file is turned upright as its EXIF data says, unless told otherwise', async ({ file, ...golden }) => {
  expect(card(await decode(file))).toEqual(golden.rgb_after_exif_transpose);
});

test.each(images)('$file is known by its content', ({ file }) => {
  const suffix = file.replace(/^.*\./, '');
  expect(sniff(read(file))).toBe(`image/${suffix === 'jpg' ? 'jpeg' : suffix}`);
});
