import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Image } from '@backplane/core/media';
import { describe } from 'vitest';

const missing = spawnSync('ffmpeg', ['-version']).error !== undefined;

/** Groups tests that need ffmpeg; where it is absent they are skipped, and say so by name. */
export function describeWithFfmpeg(name: string, tests: () => void): void {
  if (missing) describe.skip(`${name} (skipped: no ffmpeg; apt-get install ffmpeg)`, tests);
  else describe(name, tests);
}

export const width = 96;
export const height = 64;
const bits = 8;
const cell = width / bits;

/** Frames whose number stands in them, in black and white bars that survive a lossy codec. */
function numbered(count: number): Buffer {
  const raw = Buffer.alloc(count * width * height * 3);
  for (let frame = 0; frame < count; frame++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const lit = (frame >> Math.floor(x / cell)) & 1;
        raw.fill(lit ? 255 : 0, ((frame * height + y) * width + x) * 3, ((frame * height + y) * width + x + 1) * 3);
      }
    }
  }
  return raw;
}

/** What stands in a frame of `clip`. */
export function numberOf({ width: wide, height: high, data }: Image): number {
  let number = 0;
  for (let bit = 0; bit < bits; bit++) {
    const at = (Math.floor(high / 2) * wide + bit * cell + cell / 2) * 3;
    if ((data[at] as number) > 127) number |= 1 << bit;
  }
  return number;
}

export interface Clip {
  /** Suffix of the file, which names the container for ffmpeg. */
  readonly as: string;
  /** Default 30. */
  readonly frames?: number;
  /** Options for the output, e.g. the codec. */
  readonly options?: readonly string[];
}

/** A clip of `frames` numbered frames, 10 a second. */
export function clip({ as, frames = 30, options = [] }: Clip): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'clip-'));
  try {
    const file = join(folder, `clip.${as}`);
    const input = ['-f', 'rawvideo', '-pix_fmt', 'rgb24', '-s', `${width}x${height}`, '-r', '10', '-i', 'pipe:0'];
    run(['-v', 'error', '-threads', '1', ...input, ...options, file], numbered(frames));
    return readFileSync(file);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Runs ffmpeg's `-c copy` or the like over a finished clip: for what can only be written into a file. */
export function remux(bytes: Buffer, as: string, before: readonly string[], after: readonly string[]): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'clip-'));
  try {
    const file = join(folder, `clip.${as}`);
    run(['-v', 'error', ...before, '-i', 'pipe:0', ...after, file], bytes);
    return readFileSync(file);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function run(options: readonly string[], input: Buffer): void {
  const { status, stderr } = spawnSync('ffmpeg', options, { input });
  if (status !== 0) throw new Error(`ffmpeg could not make a clip: ${stderr}`);
}
