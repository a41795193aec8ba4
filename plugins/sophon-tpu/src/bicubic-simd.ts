import { type Kernel, kernel } from './bicubic-kernel.ts';
import type { RgbImage, Size } from './rgb.ts';
import { firstFree, type Memory, vectors } from './vectors.ts';

/** wasm/vision.c; all arguments are addresses and counts. */
interface Passes {
  readonly memory: Memory;
  rows(source: number, stride: number, count: number, target: number, to: number, ...kernel: Laid): void;
  columns(source: number, stride: number, target: number, to: number, ...kernel: Laid): void;
}
type Laid = [first: number, taps: number, groups: number];

/** Rows that are copied in at once: a large picture passes through a small memory. */
const band = 64;
/** The passes read and write this far beyond the end, besides a row. */
const slack = 64;
/** A memory that one picture made larger than this is not kept. */
const kept = 32 * 1024 * 1024;

let instance: Passes | undefined;

/** As `resizeScalar`. undefined where the processor lacks 128-bit vectors. */
export function simdResize(image: RgbImage, size: Size): Uint8Array<ArrayBuffer> | undefined {
  const passes = instance ?? vectors<Passes>();
  return passes && resize(passes, image, size);
}

function resize(passes: Passes, image: RgbImage, size: Size): Uint8Array<ArrayBuffer> {
  const space = new Space(passes.memory);
  const { width, height } = size;
  const across = image.width === width ? undefined : packed(kernel(image.width, width), 4, 3);
  const down = image.height === height ? undefined : packed(kernel(image.height, height), 2, width * 3);
  const stride = image.width * 3;

  const source = across && space.room(band * stride + across.groups * 12);
  // Rows at the bottom have fewer taps than there is room for; those of 0 read on.
  const between = space.room((image.height + (down ? 2 * down.groups : 0)) * width * 3);
  const target = down && space.room(height * width * 3);
  const acrossAt = across && [space.room(across.first.byteLength), space.room(across.taps.byteLength)];
  const downAt = down && [space.room(down.first.byteLength), space.room(down.taps.byteLength)];
  space.claim();

  const place = (kernel: Packed, [first, taps]: readonly number[]): Laid => {
    space.ints(first as number, kernel.first);
    space.ints(taps as number, kernel.taps);
    return [first as number, taps as number, kernel.groups];
  };
  if (across && acrossAt && source !== undefined) {
    const laid = place(across, acrossAt);
    for (let row = 0; row < image.height; row += band) {
      const count = Math.min(band, image.height - row);
      space.bytes(source, image.data.subarray(row * stride, (row + count) * stride));
      passes.rows(source, stride, count, between + row * width * 3, width, ...laid);
    }
  } else space.bytes(between, image.data);
  if (down && downAt && target !== undefined)
    passes.columns(between, width * 3, target, height, ...place(down, downAt));
  instance = space.end > kept ? undefined : passes;
  return space.read(target ?? between, width * height * 3);
}

/** A kernel as the passes read it. */
interface Packed {
  /** In bytes. */
  readonly first: Int32Array;
  readonly taps: Int32Array;
  /** Groups of taps per target pixel. */
  readonly groups: number;
}

/** Puts the coefficients into groups of `size`, and there, two by two, low halves beside low ones and high beside high. */
function packed({ most, first, count, taps }: Kernel, size: 2 | 4, step: number): Packed {
  const groups = Math.ceil(count.reduce((a, b) => Math.max(a, b)) / size);
  const halves = new Int16Array(first.length * groups * size * 2);
  for (let out = 0, to = 0; out < first.length; out++) {
    for (let tap = 0; tap < groups * size; tap += 2, to += 4) {
      for (let one = 0; one < 2; one++) {
        const value = tap + one < most ? (taps[out * most + tap + one] as number) : 0;
        const low = ((value + 1024) & 2047) - 1024;
        halves[to + one] = low;
        halves[to + 2 + one] = (value - low) >> 11;
      }
    }
  }
  return { first: first.map((pixel) => pixel * step), taps: new Int32Array(halves.buffer), groups };
}

/** Hands out room in a WebAssembly memory; `claim` makes the memory large enough before anything is written. */
class Space {
  readonly #memory: Memory;
  end = firstFree;

  constructor(memory: Memory) {
    this.#memory = memory;
  }

  room(bytes: number): number {
    const at = this.end;
    this.end = (at + bytes + slack + 15) & ~15;
    return at;
  }

  claim(): void {
    const missing = this.end - this.#memory.buffer.byteLength;
    if (missing > 0) this.#memory.grow(Math.ceil(missing / 65_536));
  }

  bytes(at: number, values: Uint8Array): void {
    new Uint8Array(this.#memory.buffer).set(values, at);
  }

  ints(at: number, values: Int32Array): void {
    new Int32Array(this.#memory.buffer).set(values, at / 4);
  }

  read(at: number, bytes: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#memory.buffer).slice(at, at + bytes);
  }
}
