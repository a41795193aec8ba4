import { copy, type DeviceMemory, unseen, upload, zero } from './device-memory.ts';
import type { Memory, Operation } from './native.ts';
import type { Layout, Net } from './networks.ts';

/** A run of tokens whose embeddings are there and whose keys and values are wanted. */
export interface PrefillChunk {
  /** Row of its first token in the embeddings. */
  readonly row: number;
  /** At most `layout.chunk`. */
  readonly tokens: number;
  /** Tokens before it in the cache; not 0 only for a model with history. */
  readonly past: number;
  /** int32 [3, tokens]. */
  readonly positions: Int32Array;
  /** Whether pictures stand among what is being computed. */
  readonly pictures: boolean;
}

/** Computes a chunk through all layers into the cache. Its hidden state is in `memory.hidden` afterwards. */
export function prefill(layout: Layout, memory: DeviceMemory, chunk: PrefillChunk): Operation[] {
  const { row, tokens, past } = chunk;
  const nets = past > 0 ? (layout.blocksWithPast as readonly Net[]) : layout.blocks;
  const operations: Operation[] = [
    zero(memory.hidden),
    copy(
      { memory: memory.embeddings, offset: row * memory.rowBytes },
      { memory: memory.hidden },
      tokens * memory.rowBytes,
    ),
    ...(memory.mask ? [upload(memory.mask, causalMask(layout, tokens))] : []),
  ];
  for (const [layer, net] of nets.entries()) {
    operations.push(...block(net, layer, layout, memory, chunk));
    const level = chunk.pictures ? memory.levels[layer] : undefined;
    const hidden = { memory: memory.hidden };
    if (level && layout.sight?.add) operations.push(...add(layout.sight.add, net, level, memory, chunk));
    else operations.push(copy(net.output(0), hidden, tokens * memory.rowBytes));
  }
  return operations;
}

/**
 * One layer. Everything is copied into the network's own memory first: networks of one model share an arena, so nothing
 * stays there from one launch to the next.
 */
function block(net: Net, layer: number, layout: Layout, memory: DeviceMemory, chunk: PrefillChunk): Operation[] {
  const { tokens, past } = chunk;
  const { hidden, mask } = memory;
  const length = layout.dynamic ? tokens : layout.chunk;
  const keys = { memory: memory.keys[layer] as Memory, offset: past * layout.kvBytes };
  const values = { memory: memory.values[layer] as Memory, offset: past * layout.kvBytes };
  const before = past * layout.kvBytes;
  const after = tokens * layout.kvBytes;
  return [
    copy({ memory: hidden }, net.input(0), length * memory.rowBytes),
    upload(net.input(1).memory, layout.dynamic ? chunk.positions : padded(chunk.positions, layout.chunk)),
    ...(mask ? [copy({ memory: mask }, net.input(2), length * length * 2)] : []),
    ...(past > 0 ? [copy({ memory: keys.memory }, net.input(2), before)] : []),
    ...(past > 0 ? [copy({ memory: values.memory }, net.input(3), before)] : []),
    net.launch(layout.dynamic ? { inputs: lengths(net, tokens, past, mask !== undefined) } : {}),
    copy(net.output(1), keys, after),
    copy(net.output(2), values, after),
  ];
}

/** The shapes of a dynamic launch: its own numbers of tokens instead of the largest. */
function lengths(
  net: Net,
  tokens: number,
  past: number,
  masked: boolean,
): Record<number, { shape: readonly number[] }> {
  const history = (index: number) => ({ shape: net.input(index).shape.with(1, past) });
  return {
    0: { shape: net.input(0).shape.with(1, tokens) },
    1: { shape: [3, tokens] },
    ...(masked && { 2: { shape: [1, 1, tokens, tokens] } }),
    ...(past > 0 && { 2: history(2), 3: history(3) }),
  };
}

/** What pictures add to the hidden state after this layer. */
function add(net: Net, after: Net, level: Memory, memory: DeviceMemory, { row, tokens }: PrefillChunk): Operation[] {
  const bytes = tokens * memory.rowBytes;
  return [
    copy(after.output(0), net.input(0), bytes),
    copy({ memory: level, offset: row * memory.rowBytes }, net.input(1), bytes),
    net.launch(),
    copy(net.output(0), { memory: memory.hidden }, bytes),
  ];
}

/** int32 [3, tokens] to [3, length], with zeros behind. */
function padded(positions: Int32Array, length: number): Int32Array {
  const tokens = positions.length / 3;
  const all = new Int32Array(3 * length);
  for (let row = 0; row < 3; row++) all.set(positions.subarray(row * tokens, (row + 1) * tokens), row * length);
  return all;
}

/** 16 bits [length, length]: each of the tokens sees those before it and itself, padding sees nothing. */
function causalMask({ dynamic, chunk, dtype }: Layout, tokens: number): Uint16Array {
  const length = dynamic ? tokens : chunk;
  const mask = new Uint16Array(length * length).fill(unseen[dtype]);
  for (let row = 0; row < tokens; row++) mask.fill(0, row * length, row * length + row + 1);
  return mask;
}
