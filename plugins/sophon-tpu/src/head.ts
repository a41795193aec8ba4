import { copy } from './device-memory.ts';
import type { Memory, Operation } from './native.ts';
import type { Layout, Net } from './networks.ts';

/** Where a token's hidden state is on the device. */
export interface HiddenRow {
  readonly memory: Memory;
  /** In bytes; absent: 0. */
  readonly offset?: number;
}

/** What came of a hidden state: the likeliest token, or the logits of all. Valid when its step has run. */
export type HeadResult = Int32Array<ArrayBuffer> | Float32Array<ArrayBuffer>;

/**
 * From the hidden state of a token to what comes after it, which the step writes into `into`: one int32 for the likeliest
 * token, which a model without logits always gives, or float32 for each token of the vocabulary.
 */
export function head(layout: Layout, row: HiddenRow, into: HeadResult): Operation[] {
  const { lmHead, greedyHead } = layout;
  const operations = [lmHead.launch({ inputs: { 0: row } })];
  const greedy = layout.head === 'logits' && into instanceof Int32Array;
  if (greedy) operations.push(copy(lmHead.output(0), (greedyHead as Net).input(0), layout.vocabulary * 4));
  if (greedy) operations.push((greedyHead as Net).launch());
  const { memory: from } = (greedy ? (greedyHead as Net) : lmHead).output(0);
  operations.push({ do: 'download', from, offset: 0, into });
  return operations;
}

/** Room for the result; the logits are only moved where they are needed. */
export function headResult(layout: Layout, logits: boolean): HeadResult {
  const move = layout.head === 'logits' && (logits || !layout.greedyHead);
  return move ? new Float32Array(layout.vocabulary) : new Int32Array(1);
}
