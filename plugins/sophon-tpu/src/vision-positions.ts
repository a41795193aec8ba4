/** Rows and columns of patches (16x16 pixels each) of one picture or frame pair; both even. */
export interface PatchGrid {
  readonly rows: number;
  readonly columns: number;
}

/** Four entries of the learned position table per patch, and how much of each. */
export interface TableCorners {
  /** [patches, 4]: row * side + column of the corners top left, top right, bottom left, bottom right. */
  readonly indices: Int32Array<ArrayBuffer>;
  /** [patches, 4], each row sums to 1. */
  readonly weights: Float32Array<ArrayBuffer>;
}

/** [patches, 2]: row and column of each patch, in merge-block order, for the vision tower's rotary embedding. */
export function patchPositions(grid: PatchGrid): Int32Array<ArrayBuffer> {
  const positions = new Int32Array(grid.rows * grid.columns * 2);
  let at = 0;
  eachPatch(grid, (row, column) => {
    positions[at++] = row;
    positions[at++] = column;
  });
  return positions;
}

/** Calls back for each patch in merge-block order: blocks of 2x2 row by row, and row by row inside a block. */
export function eachPatch({ rows, columns }: PatchGrid, visit: (row: number, column: number) => void): void {
  for (let top = 0; top < rows; top += merge) {
    for (let left = 0; left < columns; left += merge) {
      for (let row = top; row < top + merge; row++) {
        for (let column = left; column < left + merge; column++) visit(row, column);
      }
    }
  }
}

/** Patches of a side of the block that becomes one token. */
export const merge = 2;

/**
 * Where each patch lies in the learned table of side x side positions (48x48 for Qwen3-VL), stretched over the
 * picture so that the corners meet (bilinear, align_corners), in merge-block order and in float32 arithmetic.
 */
export function tableCorners(grid: PatchGrid, side: number): TableCorners {
  const patches = grid.rows * grid.columns;
  const indices = new Int32Array(patches * 4);
  const weights = new Float32Array(patches * 4);
  const vertical = axis(grid.rows, side);
  const horizontal = axis(grid.columns, side);
  let at = 0;
  eachPatch(grid, (row, column) => {
    const y = vertical[row] as Stretch;
    const x = horizontal[column] as Stretch;
    indices[at] = y.below * side + x.below;
    indices[at + 1] = y.below * side + x.above;
    indices[at + 2] = y.above * side + x.below;
    indices[at + 3] = y.above * side + x.above;
    const up = Math.fround(1 - y.rest);
    const left = Math.fround(1 - x.rest);
    weights[at] = up * left;
    weights[at + 1] = up * x.rest;
    weights[at + 2] = y.rest * left;
    weights[at + 3] = y.rest * x.rest;
    at += 4;
  });
  return { indices, weights };
}

/** A place between two rows (or columns) of the table. */
interface Stretch {
  readonly below: number;
  readonly above: number;
  /** 0 to below 1: how much of `above`. */
  readonly rest: number;
}

/** float32 linspace(0, side-1, count). */
function axis(count: number, side: number): Stretch[] {
  const step = Math.fround((side - 1) / (count - 1));
  return Array.from({ length: count }, (_, index) => {
    const back = Math.fround(step * (count - 1 - index));
    const place = index < count >> 1 ? Math.fround(step * index) : Math.fround(side - 1 - back);
    const below = Math.floor(place);
    return { below, above: Math.min(below + 1, side - 1), rest: Math.fround(place - below) };
  });
}
