import { readFile } from 'node:fs/promises';
import { type GgufTensor, writeGguf } from './gguf.ts';

/** What the model says to every chat, as long as thinking is on. */
export const scriptedReasoning = 'router worker queue model';
export const scriptedAnswer = '你好 世界 server ready token stream';
export const scriptedText = `<think>\n${scriptedReasoning}\n</think>\n\n${scriptedAnswer}`;

/** Its tokens: each Chinese character is split between two or three of them. */
export const scriptedChain: readonly Piece[] = [
  '<think>',
  '\nrouter',
  ' worker',
  ' queue',
  ' model\n',
  '</think>',
  '\n\n',
  Uint8Array.of(0xe4, 0xbd),
  Uint8Array.of(0xa0, 0xe5, 0xa5),
  Uint8Array.of(0xbd),
  Uint8Array.of(0x20, 0xe4, 0xb8),
  Uint8Array.of(0x96),
  Uint8Array.of(0xe7, 0x95),
  Uint8Array.of(0x8c),
  ' server',
  ' ready',
  ' token',
  ' stream',
];

/** The text of one token, or its bytes where they are no whole characters. */
export type Piece = string | Uint8Array;

export interface Script {
  /** The tokens to say, each different from the others; absent: `scriptedChain`. */
  readonly chain?: readonly Piece[];
  /** Starts over instead of ending the turn: an answer that only `max_tokens` or the context ends. */
  readonly loop?: boolean;
  /** Absent: 2048. */
  readonly contextLength?: number;
  /** Tokens that it never says, for a vocabulary as large as a real model's. Absent: none. */
  readonly unused?: number;
  /** Jinja source; absent: the built-in model's template. */
  readonly template?: string;
}

/** Control tokens first; the last six are ordinary text to the tokenizer, as Qwen3 has them. */
export const control = [
  '<|endoftext|>',
  '<|im_start|>',
  '<|im_end|>',
  '<|vision_start|>',
  '<|vision_end|>',
  '<|image_pad|>',
  '<|video_pad|>',
];
export const markup = ['<tool_call>', '</tool_call>', '<tool_response>', '</tool_response>', '<think>', '</think>'];
const tokenTypes = { normal: 1, control: 3, userDefined: 4 } as const;

/** How far the scripted token's logit is above all others: certain at any temperature that the API allows. */
const lead = 60;

/** A model that says one thing, in parts that every file format can be made of. */
export interface Scripted {
  /** As byte-level vocabularies write tokens; the place in it is the id. */
  readonly vocabulary: readonly string[];
  readonly width: number;
  /** Row by row, `vocabulary.length` rows of `width`; so is `output`. */
  readonly embedding: Float32Array;
  readonly output: Float32Array;
  readonly contextLength: number;
  readonly template: string;
}

/**
 * A model of the Qwen3 architecture that says one thing. Its attention and feed-forward outputs are zero, so what comes
 * next depends on the last token alone; each token of the chain has a dimension of its own that points to the next, and
 * every other token points to the first.
 */
export async function scriptedModel(script: Script = {}): Promise<Scripted> {
  const chain = (script.chain ?? scriptedChain).map((piece) => spell(piece));
  if (chain.length === 0 || new Set(chain).size < chain.length) {
    throw new Error(
      'A scripted chain needs tokens, each different from the others: what comes next depends on the last one',
    );
  }
  const bytes = Array.from({ length: 256 }, (_, byte) => spell(Uint8Array.of(byte)));
  const newlines = spell('\n\n');
  const fixed = new Set([...bytes, newlines, ...control, ...markup]);
  const own = chain.filter((token) => !fixed.has(token));
  const unused = Array.from({ length: script.unused ?? 0 }, (_, at) => spell(`unused ${at}`));
  const vocabulary = [...bytes, newlines, ...own, ...unused, ...control, ...markup];
  const id = new Map(vocabulary.map((token, at) => [token, at]));
  const idOf = (token: string): number => id.get(token) as number;

  const width = Math.ceil((chain.length + 1) / 32) * 32;
  const elsewhere = chain.length;
  const embedding = new Float32Array(vocabulary.length * width);
  for (const [token, at] of id) {
    const place = chain.indexOf(token);
    embedding[at * width + (place >= 0 ? place : elsewhere)] = 1;
  }
  // The final norm scales a single 1 to √width.
  const weight = lead / Math.sqrt(width);
  const output = new Float32Array(vocabulary.length * width);
  for (const place of chain.keys()) {
    const next = chain[place + 1] ?? (script.loop === true ? (chain[0] as string) : '<|im_end|>');
    output[idOf(next) * width + place] = weight;
  }
  output[idOf(chain[0] as string) * width + elsewhere] = weight;

  const template = script.template ?? (await readFile(new URL('chat_template.jinja', import.meta.url), 'utf8'));
  return { vocabulary, width, embedding, output, contextLength: script.contextLength ?? 2048, template };
}

/** Writes it as a GGUF file. */
export async function writeScriptedGguf(path: string, script: Script = {}): Promise<void> {
  const { vocabulary, width, embedding, output, contextLength, template } = await scriptedModel(script);
  const idOf = (token: string): number => vocabulary.indexOf(token);
  await writeGguf(
    path,
    {
      'general.architecture': { string: 'qwen3' },
      'general.name': { string: 'Scripted' },
      'general.file_type': { u32: 0 },
      'qwen3.context_length': { u32: contextLength },
      'qwen3.embedding_length': { u32: width },
      'qwen3.block_count': { u32: 1 },
      'qwen3.feed_forward_length': { u32: feedForward },
      'qwen3.attention.head_count': { u32: heads },
      'qwen3.attention.head_count_kv': { u32: heads },
      'qwen3.attention.key_length': { u32: headWidth },
      'qwen3.attention.value_length': { u32: headWidth },
      'qwen3.attention.layer_norm_rms_epsilon': { f32: 1e-6 },
      'qwen3.rope.freq_base': { f32: 10_000 },
      'tokenizer.ggml.model': { string: 'gpt2' },
      'tokenizer.ggml.pre': { string: 'qwen2' },
      'tokenizer.ggml.tokens': { strings: vocabulary },
      'tokenizer.ggml.token_type': { i32s: vocabulary.map(typeOf) },
      'tokenizer.ggml.merges': { strings: [`${spell('\n')} ${spell('\n')}`] },
      'tokenizer.ggml.eos_token_id': { u32: idOf('<|im_end|>') },
      'tokenizer.ggml.bos_token_id': { u32: idOf('<|endoftext|>') },
      'tokenizer.ggml.padding_token_id': { u32: idOf('<|endoftext|>') },
      'tokenizer.ggml.add_bos_token': { bool: false },
      'tokenizer.chat_template': { string: template },
    },
    tensors(width, vocabulary.length, embedding, output),
  );
}

export const heads = 1;
export const headWidth = 32;
export const feedForward = 32;

function tensors(width: number, vocabulary: number, embedding: Float32Array, output: Float32Array): GgufTensor[] {
  const ones = (name: string, size: number): GgufTensor => ({
    name,
    shape: [size],
    data: new Float32Array(size).fill(1),
  });
  const zeros = (name: string, from: number, to: number): GgufTensor => ({
    name,
    shape: [from, to],
    data: new Float32Array(from * to),
  });
  return [
    { name: 'token_embd.weight', shape: [width, vocabulary], data: embedding },
    ones('output_norm.weight', width),
    { name: 'output.weight', shape: [width, vocabulary], data: output },
    ones('blk.0.attn_norm.weight', width),
    zeros('blk.0.attn_q.weight', width, heads * headWidth),
    zeros('blk.0.attn_k.weight', width, heads * headWidth),
    zeros('blk.0.attn_v.weight', width, heads * headWidth),
    zeros('blk.0.attn_output.weight', heads * headWidth, width),
    ones('blk.0.attn_q_norm.weight', headWidth),
    ones('blk.0.attn_k_norm.weight', headWidth),
    ones('blk.0.ffn_norm.weight', width),
    zeros('blk.0.ffn_gate.weight', width, feedForward),
    zeros('blk.0.ffn_up.weight', width, feedForward),
    zeros('blk.0.ffn_down.weight', feedForward, width),
  ];
}

function typeOf(token: string): number {
  if (control.includes(token)) return tokenTypes.control;
  return markup.includes(token) ? tokenTypes.userDefined : tokenTypes.normal;
}

/** A token as byte-level vocabularies write it: every byte is one visible character. */
export function spell(piece: Piece): string {
  if (typeof piece === 'string' && (control.includes(piece) || markup.includes(piece))) return piece;
  return Array.from(Buffer.from(piece as string), (byte) => letter(byte)).join('');
}

/** GPT-2's table: printable Latin-1 stands for itself, the rest follows from U+0100 on. */
function letter(byte: number): string {
  const plain = (b: number) => (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
  if (plain(byte)) return String.fromCodePoint(byte);
  let before = 0;
  for (let b = 0; b < byte; b++) if (!plain(b)) before++;
  return String.fromCodePoint(0x100 + before);
}
