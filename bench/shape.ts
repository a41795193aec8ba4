import { createCipheriv } from 'node:crypto';
import { access, mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { type GgufTensor, writeGguf } from '../test/scripted/gguf.ts';

/** The sizes of a Qwen3 model: what its speed depends on, whatever its weights are. */
export interface Shape {
  readonly name: string;
  readonly layers: number;
  readonly hidden: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headSize: number;
  readonly feedForward: number;
  readonly vocabulary: number;
}

/** The built-in model's shape: 2 MB, so that all that is not arithmetic shows. */
export const tiny: Shape = {
  name: 'tiny',
  layers: 4,
  hidden: 192,
  heads: 6,
  kvHeads: 2,
  headSize: 32,
  feedForward: 512,
  vocabulary: 1_536,
};

/** Qwen3-0.6B's shape, with its whole vocabulary: about 640 MB. */
export const small: Shape = {
  name: '0.6B',
  layers: 28,
  hidden: 1_024,
  heads: 16,
  kvHeads: 8,
  headSize: 128,
  feedForward: 3_072,
  vocabulary: 151_936,
};

/** The first token that stands for a word; those before it are bytes and the two that end a text. */
export const firstWord = 258;

/**
 * Writes a model of this shape with random Q8_0 weights, once, and resolves to its path. The same bytes each time. It
 * never ends an answer: the rows of the bytes and of the end tokens are zero, and some word always scores above that.
 */
export async function modelOf(shape: Shape, directory: string): Promise<string> {
  const path = join(directory, `random-${shape.name}-Q8_0.gguf`);
  const there = await access(path).then(
    () => true,
    () => false,
  );
  if (there) return path;
  await mkdir(directory, { recursive: true });
  const words = vocabularyOf(shape.vocabulary);
  await writeGguf(
    `${path}.part`,
    {
      'general.architecture': { string: 'qwen3' },
      'general.name': { string: `Random weights, shape ${shape.name}` },
      'general.file_type': { u32: 7 },
      'qwen3.context_length': { u32: 32_768 },
      'qwen3.embedding_length': { u32: shape.hidden },
      'qwen3.block_count': { u32: shape.layers },
      'qwen3.feed_forward_length': { u32: shape.feedForward },
      'qwen3.attention.head_count': { u32: shape.heads },
      'qwen3.attention.head_count_kv': { u32: shape.kvHeads },
      'qwen3.attention.key_length': { u32: shape.headSize },
      'qwen3.attention.value_length': { u32: shape.headSize },
      'qwen3.attention.layer_norm_rms_epsilon': { f32: 1e-6 },
      'qwen3.rope.freq_base': { f32: 1_000_000 },
      'tokenizer.ggml.model': { string: 'gpt2' },
      'tokenizer.ggml.pre': { string: 'qwen2' },
      'tokenizer.ggml.tokens': { strings: words },
      'tokenizer.ggml.token_type': { i32s: words.map((_, id) => (id === 256 || id === 257 ? 3 : 1)) },
      'tokenizer.ggml.merges': { strings: ['a a'] },
      'tokenizer.ggml.bos_token_id': { u32: 256 },
      'tokenizer.ggml.eos_token_id': { u32: 257 },
      'tokenizer.ggml.padding_token_id': { u32: 256 },
      'tokenizer.ggml.add_bos_token': { bool: false },
    },
    tensorsOf(shape),
  );
  await rename(`${path}.part`, path);
  return path;
}

function tensorsOf(shape: Shape): GgufTensor[] {
  const { layers, hidden, heads, kvHeads, headSize, feedForward, vocabulary } = shape;
  const ones = (name: string, size: number): GgufTensor => ({
    name,
    shape: [size],
    data: new Float32Array(size).fill(1),
  });
  const random = (name: string, from: number, to: number, zeroRows = 0): GgufTensor => ({
    name,
    shape: [from, to],
    type: 'q8_0',
    get data() {
      return randomBlocks(name, from, to, zeroRows);
    },
  });
  return [
    random('token_embd.weight', hidden, vocabulary, firstWord),
    ones('output_norm.weight', hidden),
    ...Array.from({ length: layers }, (_, layer) => `blk.${layer}.`).flatMap((at) => [
      ones(`${at}attn_norm.weight`, hidden),
      random(`${at}attn_q.weight`, hidden, heads * headSize),
      random(`${at}attn_k.weight`, hidden, kvHeads * headSize),
      random(`${at}attn_v.weight`, hidden, kvHeads * headSize),
      random(`${at}attn_output.weight`, heads * headSize, hidden),
      ones(`${at}attn_q_norm.weight`, headSize),
      ones(`${at}attn_k_norm.weight`, headSize),
      ones(`${at}ffn_norm.weight`, hidden),
      random(`${at}ffn_gate.weight`, hidden, feedForward),
      random(`${at}ffn_up.weight`, hidden, feedForward),
      random(`${at}ffn_down.weight`, feedForward, hidden),
    ]),
  ];
}

/** Uniform weights of variance 1/`from`, so that activations keep their size; the tensor's name is the seed. */
function randomBlocks(name: string, from: number, to: number, zeroRows: number): Uint8Array {
  const blocksPerRow = from / 32;
  const blocks = new Uint8Array(blocksPerRow * to * 34);
  const key = Buffer.alloc(16);
  key.write(name.slice(-16));
  const noise = createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(blocks);
  const scale = halfFloat(1 / Math.sqrt(from) / (256 / Math.sqrt(12)));
  for (let at = 0; at < noise.length; at += 34) {
    noise[at] = scale & 0xff;
    noise[at + 1] = scale >> 8;
  }
  return noise.fill(0, 0, zeroRows * blocksPerRow * 34);
}

/** The bits of a small positive number as IEEE half float, rounded down. */
function halfFloat(value: number): number {
  const exponent = Math.floor(Math.log2(value));
  return ((exponent + 15) << 10) | Math.floor((value / 2 ** exponent - 1) * 1024);
}

/** The 256 bytes, the two control tokens, then words: ` aaa`, ` baa` and so on. */
function vocabularyOf(size: number): string[] {
  const word = (id: number) =>
    String.fromCharCode(...[0, 1, 2, 3].map((place) => 97 + (Math.floor(id / 26 ** place) % 26)));
  const words = Array.from({ length: size - firstWord }, (_, at) => `\u0120${word(at)}`);
  return [...Array.from({ length: 256 }, (_, byte) => letter(byte)), '<|endoftext|>', '<|im_end|>', ...words];
}

/** A byte as GPT-2 vocabularies write it: printable Latin-1 stands for itself, the rest follows from U+0100 on. */
function letter(byte: number): string {
  const plain = (b: number) => (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
  if (plain(byte)) return String.fromCodePoint(byte);
  return String.fromCodePoint(0x100 + Array.from({ length: byte }, (_, b) => b).filter((b) => !plain(b)).length);
}
