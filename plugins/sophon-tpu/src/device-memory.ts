import type { Memory, Operation, Runtime } from './native.ts';
import type { Layout } from './networks.ts';

/** Bytes of a value of the hidden state. */
const valueBytes = 2;

/** Memory of one instance on the device, beside what its networks have: nothing in it is shared with another instance. */
export interface DeviceMemory {
  /** Bytes of one token's hidden state. */
  readonly rowBytes: number;
  /** The prompt's tokens as they enter the first layer: rows for `maxPrompt` tokens. */
  readonly embeddings: Memory;
  /** Per deepstack level, what pictures add to the same rows; zero elsewhere. */
  readonly levels: readonly Memory[];
  /** The hidden state between two layers: rows for `chunk` tokens. */
  readonly hidden: Memory;
  /** 16 bits [chunk, chunk]; absent where the networks know the causal mask themselves. */
  readonly mask: Memory | undefined;
  /** int32 [3, 1], of the token that is being generated. */
  readonly position: Memory;
  /** 16 bits [1, sequence + 1]: which tokens the one that is being generated sees. */
  readonly window: Memory;
  /** Per layer, a row for each of `sequence` tokens: where the block_cache networks look. */
  readonly keys: readonly Memory[];
  readonly values: readonly Memory[];
}

/** Throws a DeviceFault where the device has no room for it. The cache is cleared. */
export function allocate(runtime: Runtime, layout: Layout): DeviceMemory {
  const rowBytes = layout.hidden * valueBytes;
  const prompt = layout.maxPrompt * rowBytes;
  const keys = layout.blockCaches.map((net) => net.input(3).memory);
  const values = layout.blockCaches.map((net) => net.input(4).memory);
  runtime.step([...keys, ...values].map((memory) => zero(memory)));
  return {
    rowBytes,
    embeddings: runtime.allocate(prompt),
    levels: Array.from({ length: layout.sight?.levels ?? 0 }, () => runtime.allocate(prompt)),
    hidden: runtime.allocate(layout.chunk * rowBytes),
    mask: layout.masked ? runtime.allocate(layout.chunk * layout.chunk * 2) : undefined,
    position: runtime.allocate(3 * 4),
    window: runtime.allocate((layout.sequence + 1) * 2),
    keys,
    values,
  };
}

export function zero(memory: Memory, bytes = memory.bytes): Operation {
  return { do: 'fill', memory, offset: 0, bytes, value: 0 };
}

export function upload(to: Memory, bytes: ArrayBufferView): Operation {
  return { do: 'upload', to, offset: 0, bytes };
}

interface Place {
  readonly memory: Memory;
  /** In bytes; absent: 0. */
  readonly offset?: number;
}

export function copy(from: Place, to: Place, bytes: number): Operation {
  return {
    do: 'copy',
    from: from.memory,
    fromOffset: from.offset ?? 0,
    to: to.memory,
    toOffset: to.offset ?? 0,
    bytes,
  };
}

/** What masks hold for "not seen": about -10,000, as the vendor has it. "Seen" is 0. */
export const unseen = { f16: 0xf0e2, bf16: 0xc61c } as const;
