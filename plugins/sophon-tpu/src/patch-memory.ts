import type { RgbImage } from './rgb.ts';
import { firstFree, type Memory, vectors } from './vectors.ts';

/** wasm/vision.c; arguments are addresses and pixels. */
interface Cutter {
  readonly memory: Memory;
  patches(source: number, width: number, height: number, target: number, later: number): void;
}

type Floats = Float32Array<ArrayBuffer>;

/** Memories that vectors can write to, and what writes there. */
const cutters = new WeakMap<ArrayBufferLike, Cutter>();

/**
 * Memory for the patches of one picture at a time, float32 [patches, 1536], in which `patchify` writes twice as fast as
 * elsewhere. An instance makes one for the most patches that its model takes, and uploads from there.
 */
export function patchMemory(patches: number): Floats {
  const cutter = vectors<Cutter>();
  if (!cutter) return new Float32Array(patches * 1_536);
  const source = patches * 768;
  const bytes = source + patches * 1_536 * 4;
  cutter.memory.grow(Math.ceil(bytes / firstFree));
  const { buffer } = cutter.memory;
  cutters.set(buffer, cutter);
  return new Float32Array(buffer, firstFree + source, patches * 1_536);
}

/** Writes one moment, and the same `later` floats on. False where the memory is none of `patchMemory`. */
export function cutInto({ width, height, data }: RgbImage, into: Floats, at: number, later: number): boolean {
  const cutter = cutters.get(into.buffer);
  if (!cutter) return false;
  new Uint8Array(into.buffer).set(data, firstFree);
  cutter.patches(firstFree, width, height, into.byteOffset + at * 4, later);
  return true;
}
