import { z } from 'zod';

/** What mlx-openai-server calls `model_type`. */
export const kinds = ['lm', 'multimodal', 'embeddings', 'whisper', 'image-generation', 'image-edit'] as const;
export type Kind = (typeof kinds)[number];

/** Where a key of mlx-openai-server goes in an entry of `models:`, or why it goes nowhere. */
export type Rule = (
  | {
      readonly to: readonly string[];
      /** What it must be, and what becomes of it. */
      readonly as: z.ZodType;
      /** Kinds of models that use it; absent: all. */
      readonly of?: readonly Kind[];
    }
  | { readonly none: string }
) & {
  /** A model that goes on running in mlx-openai-server takes it as it is. */
  readonly kept?: true;
};

const text = z.string().min(1);
const whole = z.int().positive();
const yes = z.boolean();
const chats: readonly Kind[] = ['lm', 'multimodal'];
const lm: readonly Kind[] = ['lm'];

const option = (name: string, as: z.ZodType, of?: readonly Kind[]): Rule => ({
  to: ['options', name],
  as,
  ...(of && { of }),
});
/** Of mlx_lm.server, where it has another name. */
const argument = (name: string, as: z.ZodType): Rule => ({
  to: ['options', 'arguments', name],
  as,
  of: lm,
  kept: true,
});
const fallback = (name: string, as: z.ZodType = z.number()): Rule => ({ to: ['defaults', name], as, of: chats });
const none = (why: string): Rule => ({ none: why });
const images = none('it is for models that make images, which Backplane does not serve');

/** By the names of mlx-openai-server 1.5 to 1.8. What decides over other keys too is not here but in import.ts. */
export const modelKeys: Readonly<Record<string, Rule>> = {
  context_length: option('context_length', whole, chats),
  max_concurrency: option('slots', whole),
  queue_timeout: {
    to: ['queue', 'timeout'],
    as: z
      .number()
      .positive()
      .transform((seconds) => `${seconds}s`),
  },
  queue_size: { to: ['queue', 'size'], as: z.int().min(0) },
  prompt_cache_size: option('prompt_cache_size', whole, chats),
  prompt_cache_max_bytes: argument('prompt_cache_bytes', whole),
  prompt_cache_dir: none('the prompt cache is in memory'),
  chat_template_file: option('chat_template', text, chats),
  trust_remote_code: option('trust_remote_code', yes),
  draft_model_path: option('draft_model', text, chats),
  num_draft_tokens: argument('num_draft_tokens', whole),
  kv_bits: argument('kv_bits', z.union([z.literal(4), z.literal(8)])),
  kv_group_size: argument('kv_group_size', whole),
  quantized_kv_start: argument('quantized_kv_start', z.int().min(0)),
  batch_completion_size: argument('decode_concurrency', whole),
  batch_prefill_size: argument('prompt_concurrency', whole),
  batch_prefill_step_size: argument('prefill_step_size', whole),
  default_max_tokens: fallback('max_tokens', whole),
  default_temperature: fallback('temperature'),
  default_top_p: fallback('top_p'),
  default_top_k: fallback('top_k', z.int()),
  default_min_p: fallback('min_p'),
  default_repetition_penalty: fallback('repetition_penalty'),
  default_presence_penalty: fallback('presence_penalty'),
  default_seed: fallback('seed', z.int()),
  default_repetition_context_size: none('the engine looks at the last 20 tokens'),
  default_xtc_probability: none('XTC sampling is not served'),
  default_xtc_threshold: none('XTC sampling is not served'),
  tool_call_parser: none('tool calls are read wherever the chat template knows tools'),
  enable_auto_tool_choice: none('tool calls are read wherever the chat template knows tools'),
  message_converter: { none: 'messages go to the chat template as they came', kept: true },
  disable_auto_resize: { none: 'the model takes no images', kept: true },
  debug: none('log.level: debug shows what the engines say'),
  quantize: images,
  config_name: images,
  lora_paths: images,
  lora_scales: images,
};

/** Under `server:`. */
export const serverKeys: Readonly<Record<string, Rule>> = {
  host: { to: ['server', 'host'], as: text },
  port: { to: ['server', 'port'], as: z.int().min(0).max(65_535) },
  log_level: {
    to: ['log', 'level'],
    as: z.string().transform((level, context) => {
      const ours = { DEBUG: 'debug', INFO: 'info', WARNING: 'warn', ERROR: 'error', CRITICAL: 'error' }[
        level.toUpperCase()
      ];
      if (ours === undefined) context.addIssue('must be DEBUG, INFO, WARNING, ERROR or CRITICAL');
      return ours;
    }),
  },
  log_file: none('the log goes to standard output, and whoever starts Backplane says into which file'),
  no_log_file: none('the log goes to standard output'),
};
