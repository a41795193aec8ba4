import { createHash } from 'node:crypto';
import { closeSync, createReadStream, fstatSync, openSync, readSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { DeviceFault } from './device-fault.ts';

const headerBytes = 64;
const magic = 0xff55aaee;

/**
 * Looks at the 64 bytes before the flatbuffer: libbmrt crashes on some damaged files instead of refusing them.
 * Header, little endian u32: magic 0xFF55AAEE, header size 64, size of the flatbuffer, size of the binary part.
 */
export function checkBmodelHeader(path: string): void {
  const header = Buffer.alloc(headerBytes);
  let size: number;
  try {
    const file = openSync(path, 'r');
    try {
      const stat = fstatSync(file);
      if (!stat.isFile()) throw refused(path, 'it is no regular file');
      size = stat.size;
      if (readSync(file, header, 0, headerBytes, 0) < headerBytes) throw refused(path, `it has only ${size} bytes`);
    } finally {
      closeSync(file);
    }
  } catch (thrown) {
    if (thrown instanceof DeviceFault) throw thrown;
    throw refused(path, `it cannot be read (${(thrown as NodeJS.ErrnoException).code})`);
  }
  if (header.readUInt32LE(0) !== magic) throw refused(path, 'its first bytes are not those of a bmodel');
  if (header.readUInt32LE(4) !== headerBytes) throw refused(path, 'its header has another size than 64');
  const flatbuffer = header.readUInt32LE(8);
  const needed = headerBytes + flatbuffer + header.readUInt32LE(12);
  if (flatbuffer === 0 || size < needed) {
    throw refused(path, `it has ${size} bytes and its header speaks of ${needed}: it was cut or damaged on its way`);
  }
}

/** Damage among the weights loads without a word; only this finds it. `expected`: SHA-256 in hexadecimal. */
export async function checkBmodelDigest(path: string, expected: string, signal?: AbortSignal): Promise<void> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash, { ...(signal && { signal }) });
  const found = hash.digest('hex');
  if (found !== expected.toLowerCase()) {
    throw refused(path, `its SHA-256 is ${found}, and the configuration says ${expected}`);
  }
}

function refused(path: string, why: string): DeviceFault {
  return new DeviceFault(
    `${path} cannot be loaded as a bmodel: ${why}. Name the whole .bmodel file, or copy it again`,
    {
      fault: 'bmodel',
      fatal: true,
    },
  );
}
