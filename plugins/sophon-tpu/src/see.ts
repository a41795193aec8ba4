import { Failure } from '@backplane/core/sdk';
import { copy, type DeviceMemory, upload, zero } from './device-memory.ts';
import type { Operation } from './native.ts';
import type { Sight } from './networks.ts';
import { patchValues } from './patches.ts';
import type { VisionInput } from './vision.ts';

/** As the vendor has it, in float32. */
const unseenPatch = -10_000;

/** Puts what the vision tower makes of one picture (or pair of frames) into the rows of its tokens, from `row` on. */
export function see(sight: Sight, memory: DeviceMemory, picture: VisionInput, row: number): Operation[] {
  const { vit, maxPatches, dynamic } = sight;
  const patches = picture.grid.rows * picture.grid.columns;
  if (patches > maxPatches) {
    throw new Failure('internal', `A picture of ${patches} patches reached a model for ${maxPatches}: this is a bug.`);
  }
  const given = [picture.patches, picture.positions, picture.corners, picture.weights];
  const shapes = [
    [patches, patchValues],
    [patches, 2],
    [patches, 4],
    [patches, 4, 1],
  ];
  const bytes = (patches / 4) * memory.rowBytes;
  const places = [memory.embeddings, ...memory.levels];
  return [
    ...Array.from({ length: vit.inputs }, (_, index) => zero(vit.input(index).memory)),
    ...Array.from({ length: vit.outputs }, (_, index) => zero(vit.output(index).memory)),
    ...given.map((values, index) => upload(vit.input(index).memory, values)),
    ...(dynamic ? [] : [upload(vit.input(4).memory, squareMask(patches, maxPatches))]),
    vit.launch(dynamic ? { inputs: Object.fromEntries(shapes.map((shape, index) => [index, { shape }])) } : {}),
    ...places.map((place, index) => copy(vit.output(index), { memory: place, offset: row * memory.rowBytes }, bytes)),
  ];
}

/** float32 [all, all]: only the first `used` see, and are seen. */
function squareMask(used: number, all: number): Float32Array {
  const mask = new Float32Array(all * all).fill(unseenPatch);
  for (let row = 0; row < used; row++) mask.fill(0, row * all, row * all + used);
  return mask;
}
