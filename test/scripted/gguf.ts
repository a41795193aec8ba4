import { open } from 'node:fs/promises';

/** A metadata value with the type that GGUF stores it as. */
export type GgufValue =
  | { readonly u32: number }
  | { readonly f32: number }
  | { readonly bool: boolean }
  | { readonly string: string }
  | { readonly strings: readonly string[] }
  | { readonly i32s: readonly number[] };

/** A tensor; `shape` has the fastest dimension first, as ggml counts them. */
export interface GgufTensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** Floats, or Q8_0: blocks of 32 weights, each an f16 scale and 32 signed bytes. Absent: `f32`. */
  readonly type?: 'f32' | 'q8_0';
  /** Read once, when its turn to be written has come: a getter may make it then. */
  readonly data: Float32Array | Uint8Array;
}

const version = 3;
const alignment = 32;
const tensorTypes = { f32: 0, q8_0: 8 } as const;
const types = { u32: 4, i32: 5, f32: 6, bool: 7, string: 8, array: 9 } as const;

/** Writes a GGUF file, version 3, little endian. */
export async function writeGguf(
  path: string,
  metadata: Readonly<Record<string, GgufValue>>,
  tensors: readonly GgufTensor[],
): Promise<void> {
  const head = new Bytes();
  head.raw(Buffer.from('GGUF', 'latin1')).u32(version).u64(tensors.length).u64(Object.keys(metadata).length);
  for (const [key, value] of Object.entries(metadata)) writeValue(head.string(key), value);
  let offset = 0;
  for (const tensor of tensors) {
    head.string(tensor.name).u32(tensor.shape.length);
    for (const size of tensor.shape) head.u64(size);
    head.u32(tensorTypes[tensor.type ?? 'f32']).u64(offset);
    offset = padded(offset + byteLength(tensor));
  }
  const file = await open(path, 'w');
  try {
    await file.writeFile(head.done(padded(head.length)));
    for (const tensor of tensors) {
      const { data } = tensor;
      const length = byteLength(tensor);
      if (data.byteLength !== length) {
        throw new Error(`The data of ${tensor.name} has ${data.byteLength} bytes; its shape and type make ${length}`);
      }
      await file.writeFile(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
      await file.writeFile(Buffer.alloc(padded(length) - length));
    }
  } finally {
    await file.close();
  }
}

function byteLength({ shape, type }: GgufTensor): number {
  const weights = shape.reduce((product, size) => product * size, 1);
  return type === 'q8_0' ? (weights / 32) * 34 : weights * 4;
}

function writeValue(out: Bytes, value: GgufValue): void {
  if ('u32' in value) out.u32(types.u32).u32(value.u32);
  else if ('f32' in value) out.u32(types.f32).f32(value.f32);
  else if ('bool' in value) out.u32(types.bool).raw(Buffer.from([value.bool ? 1 : 0]));
  else if ('string' in value) out.u32(types.string).string(value.string);
  else if ('strings' in value) {
    out.u32(types.array).u32(types.string).u64(value.strings.length);
    for (const text of value.strings) out.string(text);
  } else {
    out.u32(types.array).u32(types.i32).u64(value.i32s.length);
    for (const number of value.i32s) out.u32(number >>> 0);
  }
}

function padded(size: number): number {
  return Math.ceil(size / alignment) * alignment;
}

class Bytes {
  readonly #parts: Buffer[] = [];
  length = 0;

  raw(part: Buffer): this {
    this.#parts.push(part);
    this.length += part.length;
    return this;
  }

  u32(value: number): this {
    const part = Buffer.alloc(4);
    part.writeUInt32LE(value);
    return this.raw(part);
  }

  u64(value: number): this {
    const part = Buffer.alloc(8);
    part.writeBigUInt64LE(BigInt(value));
    return this.raw(part);
  }

  f32(value: number): this {
    const part = Buffer.alloc(4);
    part.writeFloatLE(value);
    return this.raw(part);
  }

  string(text: string): this {
    const bytes = Buffer.from(text);
    return this.u64(bytes.length).raw(bytes);
  }

  /** The bytes, filled up with zeros. */
  done(length: number): Buffer {
    return Buffer.concat([...this.#parts, Buffer.alloc(length - this.length)]);
  }
}
