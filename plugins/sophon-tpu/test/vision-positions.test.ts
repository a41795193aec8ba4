import { describe, expect, it } from 'vitest';
import { patchPositions, tableCorners } from '../src/vision-positions.ts';
import { golden, sha256 } from './goldens.ts';

interface Tensor {
  readonly shape: readonly number[];
  readonly sha256_int32: string;
  readonly values?: readonly (readonly number[])[];
  readonly picks: readonly (readonly [index: number, value: number])[];
}
const { rows } = golden<{
  readonly rows: readonly {
    readonly grid_thw: readonly [number, number, number];
    readonly position_ids: Tensor;
    readonly interp_indices: Tensor;
    readonly interp_weights: Tensor;
  }[];
}>('vit_inputs');

describe.each(rows)('the vision tower is told of a grid of $grid_thw patches', (row) => {
  const [pairs, height, width] = row.grid_thw;
  const grid = { rows: height, columns: width };
  /** The goldens repeat the pair's values for each pair; a pair is a launch of its own here. */
  const repeated = <T extends Int32Array | Float32Array>(values: T): T => {
    const all = new (values.constructor as new (length: number) => T)(values.length * pairs);
    for (let pair = 0; pair < pairs; pair++) all.set(values as never, pair * values.length);
    return all;
  };

  it('the row and column of each patch', () => {
    const positions = repeated(patchPositions(grid));
    expect(positions).toHaveLength((row.position_ids.shape[0] ?? 0) * 2);
    expect(sha256(positions)).toBe(row.position_ids.sha256_int32);
  });

  it('which entries of the position table surround it', () => {
    expect(sha256(repeated(tableCorners(grid, 48).indices))).toBe(row.interp_indices.sha256_int32);
  });

  it('how much of each to take', () => {
    const weights = repeated(tableCorners(grid, 48).weights);
    expect(weights).toHaveLength((row.interp_weights.shape[0] ?? 0) * 4);
    for (const [index, value] of row.interp_weights.picks)
      expect(Math.abs((weights[index] ?? Number.NaN) - value)).toBeLessThan(6e-6);
    const values = row.interp_weights.values?.flat() ?? [];
    values.forEach((value, index) => {
      expect(Math.abs((weights[index] ?? Number.NaN) - value)).toBeLessThan(6e-6);
    });
  });
});
