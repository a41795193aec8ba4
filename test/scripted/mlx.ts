import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { control, feedForward, heads, headWidth, markup, type Script, scriptedModel, spell } from './model.ts';
import { safetensors, type Tensor } from './safetensors.ts';

/** Writes the scripted model as a folder that `mlx_lm` loads: what `writeScriptedGguf` writes for llama.cpp. */
export async function writeScriptedMlx(folder: string, script: Script = {}): Promise<void> {
  const { vocabulary, width, embedding, output, contextLength, template } = await scriptedModel(script);
  const idOf = (token: string): number => vocabulary.indexOf(token);
  const config = {
    architectures: ['Qwen3ForCausalLM'],
    model_type: 'qwen3',
    hidden_size: width,
    intermediate_size: feedForward,
    num_hidden_layers: 1,
    num_attention_heads: heads,
    num_key_value_heads: heads,
    head_dim: headWidth,
    vocab_size: vocabulary.length,
    max_position_embeddings: contextLength,
    rms_norm_eps: 1e-6,
    rope_theta: 10_000,
    tie_word_embeddings: false,
    bos_token_id: idOf('<|endoftext|>'),
    eos_token_id: idOf('<|im_end|>'),
  };
  await mkdir(folder, { recursive: true });
  const write = (name: string, value: object): Promise<void> => writeFile(join(folder, name), JSON.stringify(value));
  await write('config.json', config);
  await write('tokenizer.json', tokenizer(vocabulary));
  await write('tokenizer_config.json', {
    tokenizer_class: 'PreTrainedTokenizerFast',
    eos_token: '<|im_end|>',
    pad_token: '<|endoftext|>',
    clean_up_tokenization_spaces: false,
    model_max_length: contextLength,
    chat_template: template,
  });
  const ones = (size: number): Tensor => [[size], new Float32Array(size).fill(1)];
  const zeros = (to: number, from: number): Tensor => [[to, from], new Float32Array(to * from)];
  const inner = heads * headWidth;
  await writeFile(
    join(folder, 'model.safetensors'),
    safetensors({
      'model.embed_tokens.weight': [[vocabulary.length, width], embedding],
      'model.norm.weight': ones(width),
      'lm_head.weight': [[vocabulary.length, width], output],
      'model.layers.0.input_layernorm.weight': ones(width),
      'model.layers.0.self_attn.q_proj.weight': zeros(inner, width),
      'model.layers.0.self_attn.k_proj.weight': zeros(inner, width),
      'model.layers.0.self_attn.v_proj.weight': zeros(inner, width),
      'model.layers.0.self_attn.o_proj.weight': zeros(width, inner),
      'model.layers.0.self_attn.q_norm.weight': ones(headWidth),
      'model.layers.0.self_attn.k_norm.weight': ones(headWidth),
      'model.layers.0.post_attention_layernorm.weight': ones(width),
      'model.layers.0.mlp.gate_proj.weight': zeros(feedForward, width),
      'model.layers.0.mlp.up_proj.weight': zeros(feedForward, width),
      'model.layers.0.mlp.down_proj.weight': zeros(width, feedForward),
    }),
  );
}

/** Hugging Face's byte-level BPE; control and markup tokens stand beside the vocabulary. */
function tokenizer(vocabulary: readonly string[]): object {
  const added = new Set([...control, ...markup]);
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: vocabulary.flatMap((content, id) =>
      added.has(content)
        ? {
            id,
            content,
            single_word: false,
            lstrip: false,
            rstrip: false,
            normalized: false,
            special: control.includes(content),
          }
        : [],
    ),
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: true },
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(vocabulary.flatMap((token, id) => (added.has(token) ? [] : [[token, id]]))),
      merges: [[spell('\n'), spell('\n')]],
    },
  };
}
