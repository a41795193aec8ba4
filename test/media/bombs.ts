import { deflateSync } from 'node:zlib';

function chunk(type: string, data: Buffer): Buffer {
  const whole = Buffer.alloc(data.length + 12);
  whole.writeUInt32BE(data.length, 0);
  whole.write(type, 4, 'latin1');
  data.copy(whole, 8);
  whole.writeUInt32BE(crc32(whole.subarray(4, data.length + 8)), data.length + 8);
  return whole;
}

function crc32(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

/** A PNG of one bit a pixel, all black, that says this size and holds `rows` bytes of picture. */
export function png(width: number, height: number, rows: number): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 1;
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(Buffer.alloc(rows))),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** A GIF whose canvas, or whose only frame, is of this size. */
export function gif(width: number, height: number, frames = 1): Buffer {
  const size = Buffer.alloc(4);
  size.writeUInt16LE(width, 0);
  size.writeUInt16LE(height, 2);
  const frame = Buffer.concat([Buffer.from([0x2c, 0, 0, 0, 0]), size, Buffer.from([0, 2, 2, 0x4c, 1, 0])]);
  return Buffer.concat([
    Buffer.from('GIF89a'),
    size,
    Buffer.from([0x80, 0, 0, 0, 0, 0, 255, 255, 255]),
    ...Array.from({ length: frames }, () => frame),
    Buffer.from([0x3b]),
  ]);
}

/** A JPEG that says this size and has next to nothing in it. */
export function jpeg(width: number, height: number): Buffer {
  const frame = Buffer.from('\xff\xc0\x00\x0b\x08\x00\x00\x00\x00\x01\x01\x11\x00', 'latin1');
  frame.writeUInt16BE(height, 5);
  frame.writeUInt16BE(width, 7);
  const scan = Buffer.from('\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00\xff\xd9', 'latin1');
  return Buffer.concat([Buffer.from('\xff\xd8\xff\xe0\x00\x04JF', 'latin1'), frame, scan]);
}

/** A lossless WEBP that says this size. */
export function webp(width: number, height: number): Buffer {
  const whole = Buffer.alloc(30);
  whole.write('RIFF', 0, 'latin1');
  whole.writeUInt32LE(22, 4);
  whole.write('WEBPVP8L', 8, 'latin1');
  whole.writeUInt32LE(10, 16);
  whole[20] = 0x2f;
  whole.writeUInt32LE(((width - 1) | ((height - 1) << 14)) >>> 0, 21);
  return whole;
}

/** A BMP of 24 bits that says this size and holds 64 bytes of picture. */
export function bmp(width: number, height: number): Buffer {
  const whole = Buffer.alloc(54 + 64);
  whole.write('BM', 'latin1');
  whole.writeUInt32LE(54, 10);
  whole.writeUInt32LE(40, 14);
  whole.writeInt32LE(width, 18);
  whole.writeInt32LE(height, 22);
  whole.writeUInt16LE(24, 28);
  return whole;
}
