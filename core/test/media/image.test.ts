import { decodeImage, type Image, type ImageLimits } from '@backplane/core/media';
import sharp, { type Color } from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';

const never = new AbortController().signal;
const decode = (bytes: Uint8Array, limits: ImageLimits = {}, signal = never): Promise<Image> =>
  decodeImage({ mime: '', bytes }, limits, signal);

/** One colour, 4x2 pixels. */
const plain = (channels: 3 | 4, background: Color) => sharp({ create: { width: 4, height: 2, channels, background } });
const red = { r: 200, g: 10, b: 20 };
const half = { ...red, alpha: 0.5 };

function pixel({ width, height, data }: Image): readonly number[] {
  expect([width, height, data.length]).toEqual([4, 2, 24]);
  return [...data.subarray(0, 3)];
}

// Before the kit shuts libvips' other loaders.
let cmyk: Buffer;
beforeAll(async () => {
  cmyk = await plain(3, red).toColourspace('cmyk').jpeg({ quality: 100 }).toBuffer();
});

describe('a picture', () => {
  test.each([
    ['a PNG with alpha goes over white', () => plain(4, half).png().toBuffer(), [227, 132, 137]],
    ['a WEBP with alpha goes over white', () => plain(4, half).webp({ lossless: true }).toBuffer(), [227, 132, 137]],
    [
      'of grey becomes one of colours',
      () => plain(3, { r: 9, g: 9, b: 9 }).toColourspace('b-w').png().toBuffer(),
      [9, 9, 9],
    ],
    ['of 16 bits becomes one of 8', () => plain(3, red).toColourspace('rgb16').png().toBuffer(), [200, 10, 20]],
  ] as const)('%s', async (_name, make, expected) => {
    const seen = pixel(await decode(await make()));
    // Half of 255 is not a number of alpha: 127 and 128 are both right.
    for (const [at, value] of expected.entries()) expect(Math.abs((seen[at] as number) - value)).toBeLessThanOrEqual(1);
  });

  test('of a palette drops its alpha, as Pillow does', async () => {
    const png = await plain(4, half).png({ palette: true }).toBuffer();
    const [r = 0, g = 0] = pixel(await decode(png));
    expect([r > 190, g < 30]).toEqual([true, true]);
  });

  test('for print is shown in colours of a screen', async () => {
    const [r = 0, g = 0, b = 0] = pixel(await decode(cmyk));
    expect([r > 150, g < 90, b < 90]).toEqual([true, true, true]);
  });

  test('over the limit is refused with the numbers, one at the limit is not', async () => {
    const png = await plain(3, red).png().toBuffer();
    await expect(decode(png, { pixels: 7 })).rejects.toMatchObject({
      code: 'media_rejected',
      message: 'The picture is 4x2 pixels; this server decodes at most 7 in all.',
    });
    expect(pixel(await decode(png, { pixels: 8 }))).toEqual([200, 10, 20]);
  });

  test('whose caller has gone is not decoded', async () => {
    const reason = new Error('gone');
    await expect(decode(await plain(3, red).png().toBuffer(), {}, AbortSignal.abort(reason))).rejects.toBe(reason);
  });

  test('of another format with the first bytes of a JPEG is refused', async () => {
    const bytes = Buffer.concat([
      Buffer.from([0xff, 0xd8, 0xff]),
      Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'),
    ]);
    await expect(decode(bytes)).rejects.toMatchObject({ code: 'media_rejected' });
  });
});

test('once a picture was decoded, libvips itself refuses formats that nobody needs, and files', async () => {
  await decode(await plain(3, red).png().toBuffer());
  const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>');
  await expect(sharp(svg).metadata()).rejects.toThrow();
  const golden = new URL('../../../plugins/sophon-tpu/test/goldens/img/rgb_20x20.png', import.meta.url).pathname;
  await expect(sharp(golden).metadata()).rejects.toThrow();
});
