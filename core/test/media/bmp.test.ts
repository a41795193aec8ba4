import { decodeImage, type Image } from '@backplane/core/media';
import { Failure } from '@backplane/core/sdk';
// @ts-expect-error: it has no types.
import bmpJs from 'bmp-js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

interface BmpJs {
  /** `data`: alpha, blue, green, red. */
  decode(bytes: Buffer): { readonly width: number; readonly height: number; readonly data: Buffer };
}
const oracle: BmpJs = bmpJs;

const never = new AbortController().signal;
const decode = (bytes: Uint8Array, pixels = 1_000_000): Promise<Image> =>
  decodeImage({ mime: '', bytes }, { pixels }, never);

interface Sketch {
  readonly width: number;
  /** Below 0: the first row is the uppermost. */
  readonly height: number;
  readonly bits: number;
  readonly compression?: number;
  /** Red, green, blue, alpha; a header of 56 bytes holds them. */
  readonly masks?: readonly number[];
  readonly palette?: readonly number[];
  readonly pixels: Buffer;
}

function bmp({ width, height, bits, compression = 0, masks, palette = [], pixels }: Sketch): Buffer {
  const header = Buffer.alloc(14 + (masks ? 56 : 40));
  header.write('BM', 'latin1');
  header.writeUInt32LE(header.length + palette.length * 4, 10);
  header.writeUInt32LE(masks ? 56 : 40, 14);
  header.writeInt32LE(width, 18);
  header.writeInt32LE(height, 22);
  header.writeUInt16LE(1, 26);
  header.writeUInt16LE(bits, 28);
  header.writeUInt32LE(compression, 30);
  header.writeUInt32LE(palette.length, 46);
  masks?.forEach((mask, index) => void header.writeUInt32LE(mask, 54 + index * 4));
  const colours = Buffer.alloc(palette.length * 4);
  palette.forEach((colour, index) => void colours.writeUInt32LE(colour, index * 4));
  return Buffer.concat([header, colours, pixels]);
}

const sketch = fc
  .record({ width: fc.integer({ min: 1, max: 40 }), rows: fc.integer({ min: 1, max: 20 }), topDown: fc.boolean() })
  .chain(({ width, rows, topDown }) =>
    fc.constantFrom(1, 4, 8, 24, 32).chain((bits) => {
      const size = Math.ceil((width * bits) / 32) * 4 * rows;
      return fc.record({
        width: fc.constant(width),
        height: fc.constant(topDown ? -rows : rows),
        bits: fc.constant(bits),
        palette: fc.array(fc.integer({ min: 0, max: 0xffffff }), {
          minLength: bits > 8 ? 0 : 2 ** bits,
          maxLength: bits > 8 ? 0 : 2 ** bits,
        }),
        pixels: fc.uint8Array({ minLength: size, maxLength: size }).map((bytes) => Buffer.from(bytes)),
      });
    }),
  );

test('A plain BMP of 1 to 32 bits decodes as another decoder does it', async () => {
  await fc.assert(
    fc.asyncProperty(sketch, async (drawn) => {
      const bytes = bmp(drawn);
      const { width, height, data } = await decode(bytes);
      const theirs = oracle.decode(Buffer.from(bytes));
      const rgb = Buffer.alloc(data.length);
      for (let pixel = 0; pixel < width * height; pixel++) {
        for (let c = 0; c < 3; c++) rgb[pixel * 3 + c] = theirs.data[pixel * 4 + 3 - c] as number;
      }
      expect([width, height]).toEqual([theirs.width, theirs.height]);
      expect(Buffer.from(data).equals(rgb)).toBe(true);
    }),
    { numRuns: 200 },
  );
});

describe('a BMP with bit fields', () => {
  const pixel = (value: number, bytes: number): Buffer => {
    const buffer = Buffer.alloc(4);
    buffer.writeUIntLE(value, 0, bytes);
    return buffer;
  };
  const bgra = [0xff0000, 0xff00, 0xff, 0xff000000];

  test.each([
    ['of 5, 6 and 5 bits', 16, [0xf800, 0x07e0, 0x001f, 0], pixel(0x8410, 2), [131, 129, 131]],
    ['in another order', 32, [0xff, 0xff00, 0xff0000, 0], pixel(0x00302010, 4), [0x10, 0x20, 0x30]],
    ['and alpha goes over white', 32, bgra, pixel(0x80_ff_00_00, 4), [255, 127, 127]],
    ['and full alpha is as it is', 32, bgra, pixel(0xff_10_20_30, 4), [0x10, 0x20, 0x30]],
  ] as const)('%s', async (_name, bits, masks, pixels, expected) => {
    const { data } = await decode(bmp({ width: 1, height: 1, bits, compression: 3, masks, pixels }));
    expect([...data]).toEqual(expected);
  });
});

test('A colour that the palette does not have is black', async () => {
  const pixels = Buffer.from([0, 1, 2, 255]);
  const { data } = await decode(bmp({ width: 4, height: 1, bits: 8, palette: [0xffffff, 0x102030], pixels }));
  expect([...data]).toEqual([255, 255, 255, 0x10, 0x20, 0x30, 0, 0, 0, 0, 0, 0]);
});

test.each([
  ['a size over the limit', { width: 30_000, height: 30_000, bits: 1 }, '30000x30000 pixels'],
  ['no width', { width: 0, height: 5, bits: 24 }, '0x5 pixels'],
  ['a width below 0', { width: -5, height: 5, bits: 24 }, '-5x5 pixels'],
  ['the lowest height there is', { width: 1, height: -0x80000000, bits: 24 }, '1x2147483648 pixels'],
  ['fewer pixels than it says', { width: 100, height: 100, bits: 24 }, 'cut short'],
  ['2 bits a pixel', { width: 1, height: 1, bits: 2 }, 'broken'],
  ['run-length compression', { width: 1, height: 1, bits: 8, compression: 1 }, 'compressed'],
  ['masks with a gap', { width: 1, height: 1, bits: 32, compression: 3, masks: [5, 1, 2, 0] }, 'broken'],
] as const)('A BMP with %s is refused', async (_name, drawn, reason) => {
  await expect(decode(bmp({ ...drawn, pixels: Buffer.alloc(4) }))).rejects.toMatchObject({
    code: 'media_rejected',
    message: expect.stringContaining(reason),
  });
});

test('A BMP with any bytes changed is decoded within the limit or refused in a sentence', async () => {
  const change = fc.record({ at: fc.nat(), to: fc.integer({ min: 0, max: 255 }) });
  await fc.assert(
    fc.asyncProperty(sketch, fc.array(change, { maxLength: 8 }), fc.nat(), async (drawn, changes, cut) => {
      const bytes = bmp(drawn);
      // The first two bytes stay, lest it be no BMP at all; most changes go where the header is.
      for (const { at, to } of changes) bytes[2 + (at % Math.min(bytes.length - 2, 64))] = to;
      const sent = cut % 4 === 0 ? bytes.subarray(0, cut % bytes.length) : bytes;
      try {
        const { width, height, data } = await decode(sent, 2_000);
        expect(width * height).toBeLessThanOrEqual(2_000);
        expect(data.length).toBe(width * height * 3);
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(Failure);
        expect(thrown).toMatchObject({ code: 'media_rejected' });
      }
    }),
    { numRuns: 2_000 },
  );
});
