import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { decodeImage } from '@backplane/core/media';
import { resizeBicubic } from '../../plugins/sophon-tpu/src/bicubic.ts';
import { patchMemory } from '../../plugins/sophon-tpu/src/patch-memory.ts';
import { patchGrid, patchify } from '../../plugins/sophon-tpu/src/patches.ts';
import type { RgbImage, Size } from '../../plugins/sophon-tpu/src/rgb.ts';
import { patchPositions, tableCorners } from '../../plugins/sophon-tpu/src/vision-positions.ts';

/** A picture to be prepared for the vision tower, or frames of a video, which are that picture again and again. */
export interface Task {
  readonly name: string;
  readonly file: string;
  readonly to: Size;
  readonly frames: number;
}

export const stages = ['decode', 'resize', 'patches', 'positions'] as const;
export type Stage = (typeof stages)[number];

/** CPU time of each stage, µs, all threads; the hash of the first tensor where it was asked for. */
export type Prepared = Readonly<Record<Stage, number>> & { readonly sha256?: string };

/** A worker's memory for patches, written again for each picture. */
const memory = patchMemory((768 * 768) / 256);

/** As `imageInput` and `videoInputs` do it, stage by stage. */
export async function prepare(task: Task, check: boolean): Promise<Prepared> {
  const bytes = readFileSync(task.file);
  const clock = [cpu()];
  const mark = () => clock.push(cpu());
  const image = await decodeImage({ mime: 'image/jpeg', bytes }, {}, AbortSignal.timeout(60_000));
  mark();
  const resized = Array.from({ length: task.frames }, () => resizeBicubic(image, task.to));
  mark();
  for (let at = 0; at < resized.length; at += 2) patchify(resized[at] as RgbImage, resized[at + 1], memory);
  mark();
  patchPositions(patchGrid(task.to));
  tableCorners(patchGrid(task.to), 48);
  mark();
  const [decode, resize, patches, positions] = clock.slice(1).map((after, at) => after - (clock[at] as number));
  const times = { decode, resize, patches, positions } as Record<Stage, number>;
  if (!check) return times;
  const [first, second] = resized as [RgbImage, RgbImage?];
  return { ...times, sha256: createHash('sha256').update(patchify(first, second)).digest('hex') };
}

function cpu(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}
