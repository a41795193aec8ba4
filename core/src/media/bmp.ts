import { Failure } from '../sdk/index.ts';
import { checkSize, type Image, overWhite } from './pixels.ts';

/** Length of the file header, in front of the one that names the size. Bytes. */
const fileHeader = 14;
/** Lengths of the second header: OS/2, Windows 3, its versions 2 and 3, OS/2 2, Windows 4 and 5. */
const headers = new Set([12, 40, 52, 56, 64, 108, 124]);
const plain = 0;
const bitfields = new Set([3, 6]);

interface Layout {
  readonly width: number;
  readonly height: number;
  readonly topDown: boolean;
  /** Per pixel. */
  readonly bits: number;
  /** Bytes of a row, with its padding to 4. */
  readonly stride: number;
  /** Of the first pixel. */
  readonly offset: number;
}

/**
 * Decodes a BMP of 1, 4, 8, 16, 24 or 32 bits, plain or with bit fields, as Pillow does: alpha counts only where a mask
 * names it. Nothing is allocated before the size is within `pixels` and the file long enough for it.
 * Throws `media_rejected`.
 */
export function decodeBmp(bytes: Uint8Array, pixels: number): Image {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < fileHeader + 12) throw broken();
  const header = view.getUint32(fileHeader, true);
  if (!headers.has(header) || bytes.length < fileHeader + header) throw broken();
  const old = header === 12;
  const height = old ? view.getUint16(20, true) : view.getInt32(22, true);
  const width = old ? view.getUint16(18, true) : view.getInt32(18, true);
  const bits = view.getUint16(old ? 24 : 28, true);
  checkSize('picture', width, Math.abs(height), pixels);
  const layout: Layout = {
    width,
    height: Math.abs(height),
    topDown: height < 0,
    bits,
    stride: Math.ceil((width * bits) / 32) * 4,
    offset: view.getUint32(10, true),
  };
  if (layout.offset < fileHeader + header) throw broken();
  if (layout.offset + layout.stride * layout.height > bytes.length) throw broken();
  const compression = old ? plain : view.getUint32(30, true);
  const masked = bitfields.has(compression);
  if (compression !== plain && !masked) {
    throw new Failure('media_rejected', 'The BMP is compressed, which this server does not read; save it plain.');
  }
  const data = new Uint8Array(width * layout.height * 3);
  if (bits === 1 || bits === 4 || bits === 8) paintIndexed(bytes, layout, palette(bytes, view, layout), data);
  else if (bits === 24 && !masked) paintBytes(bytes, layout, 3, data);
  else if (bits === 32 && !masked) paintBytes(bytes, layout, 4, data);
  else if (bits === 16 || bits === 32) paintMasked(view, layout, masksOf(view, header, masked), data);
  else throw broken();
  return { width, height: layout.height, data };
}

/** Colours as red, green, blue, 256 of them; those that the file does not have are black. */
function palette(bytes: Uint8Array, view: DataView, { bits, offset }: Layout): Uint8Array {
  const header = view.getUint32(fileHeader, true);
  const size = header === 12 ? 3 : 4;
  const named = header === 12 ? 0 : view.getUint32(46, true);
  const most = 2 ** bits;
  const begin = fileHeader + header;
  const count = Math.min(named === 0 ? most : Math.min(named, most), Math.floor((offset - begin) / size));
  const colours = new Uint8Array(256 * 3);
  for (let index = 0; index < count; index++) {
    const at = begin + index * size;
    colours[index * 3] = bytes[at + 2] as number;
    colours[index * 3 + 1] = bytes[at + 1] as number;
    colours[index * 3 + 2] = bytes[at] as number;
  }
  return colours;
}

/** Where the row that is shown `row`-th begins in the file. */
function rowAt({ height, topDown, stride, offset }: Layout, row: number): number {
  return offset + (topDown ? row : height - 1 - row) * stride;
}

function paintIndexed(bytes: Uint8Array, layout: Layout, colours: Uint8Array, data: Uint8Array): void {
  const { width, height, bits } = layout;
  const perByte = 8 / bits;
  const mask = 2 ** bits - 1;
  for (let row = 0, to = 0; row < height; row++) {
    const begin = rowAt(layout, row);
    for (let x = 0; x < width; x++, to += 3) {
      const byte = bytes[begin + Math.floor(x / perByte)] as number;
      const colour = ((byte >> (8 - bits * ((x % perByte) + 1))) & mask) * 3;
      data[to] = colours[colour] as number;
      data[to + 1] = colours[colour + 1] as number;
      data[to + 2] = colours[colour + 2] as number;
    }
  }
}

/** Blue, green, red, and in the case of 4 bytes one that means nothing. */
function paintBytes(bytes: Uint8Array, layout: Layout, size: number, data: Uint8Array): void {
  for (let row = 0, to = 0; row < layout.height; row++) {
    let from = rowAt(layout, row);
    for (let x = 0; x < layout.width; x++, from += size, to += 3) {
      data[to] = bytes[from + 2] as number;
      data[to + 1] = bytes[from + 1] as number;
      data[to + 2] = bytes[from] as number;
    }
  }
}

/** Which bits of a pixel are a colour: how far to shift, and its largest value (0: the file has none). */
interface Mask {
  readonly shift: number;
  readonly most: number;
}

interface Masks {
  readonly colours: readonly [Mask, Mask, Mask];
  readonly alpha: Mask;
}

function masksOf(view: DataView, header: number, masked: boolean): Masks {
  // 16 bits without masks: five each.
  if (!masked) return { colours: [mask(0x7c00), mask(0x03e0), mask(0x001f)], alpha: mask(0) };
  const at = fileHeader + 40;
  if (view.byteLength < at + 12) throw broken();
  const [red, green, blue] = [0, 4, 8].map((offset) => mask(view.getUint32(at + offset, true)));
  return {
    colours: [red, green, blue] as [Mask, Mask, Mask],
    alpha: mask(header >= 56 && header !== 64 ? view.getUint32(at + 12, true) : 0),
  };
}

function mask(bits: number): Mask {
  if (bits === 0) return { shift: 0, most: 0 };
  const shift = 31 - Math.clz32(bits & -bits);
  const most = bits >>> shift;
  // Bits with a gap are no number.
  if ((most & (most + 1)) !== 0) throw broken();
  return { shift, most };
}

function paintMasked(view: DataView, layout: Layout, { colours, alpha }: Masks, data: Uint8Array): void {
  const { width, height, bits } = layout;
  for (let row = 0, to = 0; row < height; row++) {
    const begin = rowAt(layout, row);
    for (let x = 0; x < width; x++, to += 3) {
      const pixel = bits === 16 ? view.getUint16(begin + x * 2, true) : view.getUint32(begin + x * 4, true);
      const opaque = alpha.most === 0 ? 255 : scaled(pixel, alpha);
      for (let c = 0; c < 3; c++) {
        const value = scaled(pixel, colours[c] as Mask);
        data[to + c] = opaque === 255 ? value : overWhite(value, opaque);
      }
    }
  }
}

/** 0 to 255. */
function scaled(pixel: number, { shift, most }: Mask): number {
  return most === 0 ? 0 : Math.trunc((((pixel >>> shift) & most) * 255) / most);
}

function broken(): Failure {
  return new Failure('media_rejected', 'The picture could not be decoded: it is broken or cut short.');
}
