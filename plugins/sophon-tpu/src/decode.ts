import { type DeviceMemory, unseen, upload } from './device-memory.ts';
import type { Memory, Operation, Tensor } from './native.ts';
import type { Layout } from './networks.ts';

/** The token that was generated last, whose key and value are not in the cache yet. */
export interface NextToken {
  readonly id: number;
  /** Its position, in all three rows. */
  readonly position: number;
  /** Tokens in the cache before it. */
  readonly past: number;
}

/** Computes one token through all layers; its key and value go behind the others'. Returns where its hidden state is. */
export function decode(
  layout: Layout,
  memory: DeviceMemory,
  { id, position, past }: NextToken,
): { readonly operations: Operation[]; readonly hidden: Tensor } {
  const { embeddingCache, blockCaches, kvBytes, windows } = layout;
  const stage = stageFor(windows, past + 1);
  const length = windows[stage] as number;
  const operations: Operation[] = [
    upload(memory.position, Int32Array.of(position, position, position)),
    upload(memory.window, windowMask(layout, past, length)),
    upload(embeddingCache.input(0).memory, Int32Array.of(id)),
    embeddingCache.launch(),
  ];
  let hidden: Tensor = embeddingCache.output(0);
  for (const [layer, net] of blockCaches.entries()) {
    const keys = memory.keys[layer] as Memory;
    const values = memory.values[layer] as Memory;
    operations.push(
      net.launch({
        stage,
        // These networks take memory wherever it is. The cache is that of the largest stage, of which smaller ones see the
        // beginning.
        inputs: {
          0: { memory: hidden.memory },
          1: { memory: memory.position },
          2: { memory: memory.window },
          3: { memory: keys },
          4: { memory: values },
        },
        outputs: {
          1: { memory: keys, offset: past * kvBytes },
          2: { memory: values, offset: past * kvBytes },
        },
      }),
    );
    hidden = net.output(0, stage);
  }
  return { operations, hidden };
}

/** The smallest window that `tokens` fit in; `windows` descend. */
function stageFor(windows: readonly number[], tokens: number): number {
  return Math.max(
    0,
    windows.findLastIndex((length) => length >= tokens),
  );
}

/** 16 bits [length + 1]: it sees the tokens before it, and itself, which stands behind the window. */
function windowMask({ dtype }: Layout, past: number, length: number): Uint16Array {
  return new Uint16Array(length + 1).fill(unseen[dtype], past, length);
}
