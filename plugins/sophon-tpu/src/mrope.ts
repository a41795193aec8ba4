/** Where a picture's (or frame pair's) tokens stand in the prompt. */
export interface VisionSpan {
  /** Index of the first of its rows * columns tokens. */
  readonly start: number;
  /** Rows and columns of tokens (merged patches, 32x32 pixels each). */
  readonly rows: number;
  readonly columns: number;
}

export interface Positions {
  /** int32 [3, length]: temporal, height and width position of each token. */
  readonly ids: Int32Array<ArrayBuffer>;
  /** The position, in all three rows, of the first token after these. */
  readonly next: number;
}

/**
 * Qwen3-VL's position ids. Text counts on in all three rows; the tokens of a picture share one temporal position and
 * have their row and column added to it; what follows goes on after the largest. `spans` ascend and do not overlap.
 * `base` is the position of the first token: not 0 when tokens before these are in the cache already.
 */
export function mropePositions(length: number, spans: readonly VisionSpan[], base = 0): Positions {
  const ids = new Int32Array(3 * length);
  let at = 0;
  let next = base;
  const text = (end: number): void => {
    for (; at < end; at++) {
      ids[at] = next;
      ids[length + at] = next;
      ids[2 * length + at] = next;
      next += 1;
    }
  };
  for (const { start, rows, columns } of spans) {
    text(start);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++, at++) {
        ids[at] = next;
        ids[length + at] = next + row;
        ids[2 * length + at] = next + column;
      }
    }
    next += Math.max(rows, columns);
  }
  text(length);
  return { ids, next };
}
