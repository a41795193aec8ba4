import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DType } from '../../src/native.ts';
import { type StandInNetwork, type StandInTensor, standInModel } from './model.ts';

/** Sizes of a Qwen3-VL without a vision tower; a hidden state is 4 bytes, so that a token's id fits in it. */
export interface Sizes {
  readonly layers?: number;
  /** Tokens of a prompt, of prompt and answer, and of the vocabulary. */
  readonly prompt?: number;
  readonly sequence?: number;
  readonly vocabulary?: number;
  /** Whether the head gives logits. */
  readonly logits?: boolean;
}

const hidden = 2;

/**
 * The networks of such a model. On the stand-in, whose launches copy their first input, it says its prompt's last token
 * over and over.
 */
export function echoNetworks(sizes: Sizes = {}): StandInNetwork[] {
  const { layers = 2, prompt = 64, sequence = 128, vocabulary = 512, logits = false } = sizes;
  const state = (name: string, tokens: number) => tensor(name, 'f16', 1, tokens, hidden);
  const cache = (name: string, tokens: number) => tensor(name, 'f16', 1, tokens, 1, 2);
  const each = Array.from({ length: layers }, (_, layer) => layer);
  return [
    network('embedding', [tensor('ids', 'i32', 1, prompt)], [state('states', prompt)]),
    network('embedding_cache', [tensor('id', 'i32', 1, 1)], [state('state', 1)]),
    network(
      'lm_head',
      [tensor('state', 'f16', 1, hidden)],
      [logits ? tensor('logits', 'f32', 1, vocabulary) : tensor('id', 'i32', 1, 1)],
    ),
    ...each.map((layer) =>
      network(
        `block_${layer}`,
        [state('states', prompt), tensor('positions', 'i32', 3, prompt), tensor('mask', 'f16', 1, 1, prompt, prompt)],
        [state('out', prompt), cache('key', prompt), cache('value', prompt)],
      ),
    ),
    ...each.map((layer) =>
      network(
        `block_cache_${layer}`,
        [
          state('state', 1),
          tensor('position', 'i32', 3, 1),
          tensor('mask', 'f16', 1, 1, 1, sequence + 1),
          cache('keys', sequence),
          cache('values', sequence),
        ],
        [state('out', 1), cache('key', 1), cache('value', 1)],
      ),
    ),
  ];
}

const tensor = (name: string, dtype: DType, ...shape: readonly number[]): StandInTensor => ({ name, dtype, shape });

function network(name: string, inputs: readonly StandInTensor[], outputs: readonly StandInTensor[]): StandInNetwork {
  return { name, stages: [{ inputs, outputs }] };
}

const special = { '<|endoftext|>': 256, '<|im_start|>': 257, '<|im_end|>': 258, '<|pad|>': 259 } as const;
const pad = special['<|pad|>'];

/** Writes a model folder for those networks into a new temporary folder: its tokens are bytes. Returns how to remove it, too. */
export async function echoFolder(sizes: Sizes = {}): Promise<{ readonly path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'backplane-echo-'));
  const template =
    "{% for message in messages %}{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}{% endfor %}" +
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
  const files = {
    'config.json': {
      image_token_id: pad,
      video_token_id: pad,
      vision_start_token_id: pad,
      vision_end_token_id: pad,
      text_config: { vocab_size: sizes.vocabulary ?? 512, eos_token_id: special['<|im_end|>'] },
      vision_config: { num_position_embeddings: 2304, patch_size: 16, temporal_patch_size: 2, spatial_merge_size: 2 },
    },
    'tokenizer.json': bytesTokenizer(),
    'tokenizer_config.json': { eos_token: '<|im_end|>', chat_template: template },
  };
  for (const [name, value] of Object.entries(files)) await writeFile(join(path, name), JSON.stringify(value));
  await writeFile(join(path, 'echo.bmodel'), standInModel(echoNetworks(sizes)));
  return { path, remove: () => rm(path, { recursive: true }) };
}

/** Byte-level BPE without merges. */
function bytesTokenizer(): object {
  let stranger = 256;
  const characters = Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
    return String.fromCodePoint(printable ? byte : stranger++);
  });
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  const level = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false };
  return {
    version: '1.0',
    added_tokens: Object.entries(special).map(([content, id]) => ({ id, content, ...flags })),
    normalizer: null,
    pre_tokenizer: level,
    post_processor: null,
    decoder: level,
    model: {
      type: 'BPE',
      vocab: Object.fromEntries(characters.map((character, byte) => [character, byte])),
      merges: [],
    },
  };
}
