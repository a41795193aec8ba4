import { Failure } from '@backplane/core/sdk';
import type { DType, Memory, Network, Operation, Tensor } from './native.ts';
import { patchValues } from './patches.ts';

/** A network of a bmodel, and how to launch it. */
export class Net {
  readonly #place: number;
  readonly #network: Network;

  constructor(place: number, network: Network) {
    this.#place = place;
    this.#network = network;
  }

  get dynamic(): boolean {
    return this.#network.dynamic;
  }

  get inputs(): number {
    return this.#network.inputs.length;
  }

  get outputs(): number {
    return this.#network.outputs.length;
  }

  get stages(): number {
    return this.#network.stages.length;
  }

  inputType(index: number): DType | undefined {
    return this.#network.inputs[index]?.dtype;
  }

  outputType(index: number): DType | undefined {
    return this.#network.outputs[index]?.dtype;
  }

  /** Where it has an input, and its shape. */
  input(index: number, stage = 0): Tensor & { readonly memory: Memory } {
    return this.#tensor('inputs', index, stage);
  }

  output(index: number, stage = 0): Tensor & { readonly memory: Memory } {
    return this.#tensor('outputs', index, stage);
  }

  /** On its own memory, but for what `inputs` and `outputs` say, by index. */
  launch({ stage = 0, inputs = {}, outputs = {} }: LaunchOptions = {}): Operation {
    const from = (side: 'inputs' | 'outputs', changes: Changes): Tensor[] =>
      this.#network[side].map((_, index) => ({ ...this.#tensor(side, index, stage), ...changes[index] }));
    return {
      do: 'launch',
      network: this.#place,
      inputs: from('inputs', inputs),
      outputs: from('outputs', outputs),
    };
  }

  #tensor(side: 'inputs' | 'outputs', index: number, stage: number): Tensor {
    const tensor = this.#network.stages[stage]?.[side][index];
    if (tensor) return { memory: tensor.memory, shape: tensor.shape };
    throw unfit(`its network ${this.#network.name} has no ${side.slice(0, -1)} ${index} in stage ${stage}`);
  }
}

type Changes = Readonly<Record<number, Partial<Tensor>>>;

interface LaunchOptions {
  readonly stage?: number;
  readonly inputs?: Changes;
  readonly outputs?: Changes;
}

/** The vision tower: pictures to rows that stand for their tokens. */
export interface Sight {
  readonly vit: Net;
  /** Adds rows of a picture to the hidden state of a layer; absent where the model has no deepstack levels. */
  readonly add: Net | undefined;
  /** Outputs of the vision tower that are added after the first layers of the text. */
  readonly levels: number;
  /** Patches (16x16 pixels) of a picture, at most. */
  readonly maxPatches: number;
  /** Whether it takes a picture's own number of patches; else all of them, and a mask. */
  readonly dynamic: boolean;
}

/** What the networks of a Qwen3-VL bmodel are, and what their shapes say of the model. */
export interface Layout {
  readonly embedding: Net;
  readonly embeddingCache: Net;
  /** One per layer. */
  readonly blocks: readonly Net[];
  /** The same with a past to look at; undefined for a model without history. */
  readonly blocksWithPast: readonly Net[] | undefined;
  readonly blockCaches: readonly Net[];
  readonly lmHead: Net;
  readonly greedyHead: Net | undefined;
  readonly sight: Sight | undefined;
  /** Type of the hidden state, 2 bytes each. */
  readonly dtype: 'f16' | 'bf16';
  /** Values of a hidden state. */
  readonly hidden: number;
  /** Tokens of one prefill. */
  readonly chunk: number;
  /** Tokens of prompt and answer. */
  readonly sequence: number;
  /** Tokens of a prompt, at most. */
  readonly maxPrompt: number;
  /** Bytes of the key, and of the value, of one token in one layer. */
  readonly kvBytes: number;
  /** Tokens that each stage of the block_cache networks looks back at, largest first. */
  readonly windows: readonly number[];
  /** Whether a prefill takes a prompt's own length; else all of `chunk`. */
  readonly dynamic: boolean;
  /** Whether a prefill is told which tokens see which. */
  readonly masked: boolean;
  /** What the head gives: the likeliest token alone, or the logits of all. */
  readonly head: 'token' | 'logits';
  /** Logits; 0 where the head gives none. */
  readonly vocabulary: number;
}

/** Finds the networks by name and reads the rest from their shapes. Throws `backend_failed` for what is no such model. */
export function readLayout(networks: readonly Network[]): Layout {
  const found = new Map(networks.map((network, place) => [network.name, new Net(place, network)]));
  const net = (name: string): Net => {
    const one = found.get(name);
    if (one) return one;
    throw unfit(`it has no network ${name}; it has ${[...found.keys()].join(', ')}`);
  };
  const layers = [...found.keys()].filter((name) => /^block_cache_\d+$/.test(name)).length;
  const each = (prefix: string): Net[] => Array.from({ length: layers }, (_, layer) => net(`${prefix}${layer}`));
  const blockCaches = each('block_cache_');
  const blocks = each('block_');
  const first = blocks[0] ?? net('block_cache_0');
  const cache = net('block_cache_0');
  const embedding = net('embedding');
  const lmHead = net('lm_head');
  const dtype = net('embedding_cache').outputType(0);
  if (dtype !== 'f16' && dtype !== 'bf16') throw unfit(`its hidden state is of the type ${dtype}`);
  const blocksWithPast = found.has('block_kv_0') ? each('block_kv_') : undefined;
  if (blocksWithPast && first.inputs > 2) throw unfit('it has a history and a mask, which is not known here');
  const windows = Array.from({ length: cache.stages }, (_, stage) => size(cache.input(3, stage), 1));
  const sequence = windows[0] as number;
  const chunk = size(embedding.input(0), 1);
  const logits = size(lmHead.output(0), 1);
  if (logits > 1 && lmHead.outputType(0) !== 'f32') throw unfit(`its logits are of the type ${lmHead.outputType(0)}`);
  return {
    embedding,
    embeddingCache: net('embedding_cache'),
    blocks,
    blocksWithPast,
    blockCaches,
    lmHead,
    greedyHead: found.get('greedy_head'),
    sight: found.has('vit') ? readSight(net('vit'), found.get('add')) : undefined,
    dtype,
    hidden: size(lmHead.input(0), 1),
    chunk,
    sequence,
    maxPrompt: blocksWithPast ? sequence : chunk,
    kvBytes: cache.output(1).memory.bytes,
    windows,
    dynamic: first.dynamic,
    masked: first.inputs > 2,
    head: logits === 1 ? 'token' : 'logits',
    vocabulary: logits === 1 ? 0 : logits,
  };
}

function readSight(vit: Net, add: Net | undefined): Sight {
  const levels = vit.outputs - 1;
  if (levels > 0 && !add) throw unfit('it has a vision tower with deepstack levels and no network add');
  if (size(vit.input(0), 1) !== patchValues) throw unfit(`its patches have not ${patchValues} values`);
  return { vit, add, levels, maxPatches: size(vit.input(0), 0), dynamic: vit.inputs === 4 };
}

function size({ shape }: Tensor, dimension: number): number {
  const value = shape[dimension];
  if (value !== undefined && value > 0) return value;
  throw unfit(`one of its tensors has the shape [${shape}]`);
}

function unfit(why: string): Failure {
  return new Failure(
    'backend_failed',
    `The bmodel is no Qwen3-VL for one BM1684X as llm_convert.py makes it: ${why}. Take the vendor's, or convert it again.`,
  );
}
