import { duration } from '@backplane/core/upstream';
import { z } from 'zod';

const concurrency = z.int().positive().max(1_024);

/** Further options of `mlx_lm.server`, by their own names with `_` for `-`. What decides where it listens is not among them. */
const serverArguments = z.strictObject({
  prompt_cache_bytes: z
    .union([z.int().positive(), z.string().regex(/^\d+(?:\.\d+)?\s*[MG]B?$/i, 'must be a size such as 4GB')])
    .optional(),
  prefill_step_size: z.int().positive().optional(),
  decode_concurrency: concurrency.optional(),
  prompt_concurrency: concurrency.optional(),
  kv_bits: z
    .union([z.literal(4), z.literal(8)])
    .optional()
    .describe('Smaller cache; calls run one after the other'),
  kv_group_size: z.int().positive().optional(),
  quantized_kv_start: z.int().min(0).optional(),
  num_draft_tokens: z.int().positive().optional(),
});

/** What config.yaml says of a model under `options:`; README.md has the table. */
export const options = z.strictObject({
  engine: z.literal('mlx-lm').default('mlx-lm').describe('The server that is run: mlx_lm.server'),
  path: z
    .string()
    .min(1)
    .refine((path) => !path.startsWith('hf:') || /^hf:[\w.-]+\/[\w.-]+$/.test(path), 'must be hf:owner/name')
    .describe('A folder with an MLX model, relative to config.yaml, or hf:owner/name'),
  allow_download: z
    .boolean()
    .default(false)
    .describe('Whether an hf: model may be fetched when it is not in the cache'),
  python: z
    .string()
    .min(1)
    .default('python3')
    .describe('An interpreter, or the folder of a virtual environment, relative to config.yaml'),
  slots: z.int().min(1).max(1_024).default(2).describe('Calls that run at once; further ones wait'),
  context_length: z.int().positive().optional().describe("Tokens of prompt and answer; absent: the model's own"),
  prompt_cache_size: z.int().min(1).default(10).describe('Conversations whose computed prompts are kept'),
  adapter: z.string().min(1).optional().describe('A folder with a LoRA adapter, relative to config.yaml'),
  draft_model: z
    .string()
    .min(1)
    .optional()
    .describe('A folder with a small model that drafts, relative to config.yaml'),
  chat_template: z.string().min(1).optional().describe('A Jinja file, relative to config.yaml, instead of the model’s'),
  trust_remote_code: z.boolean().default(false).describe("Whether Python code in the model's folder may run"),
  arguments: serverArguments.prefault({}).describe('Further options of mlx_lm.server'),
  timeouts: z
    .strictObject({
      load: duration.prefault('10m').describe('From start to the first token'),
      first_byte: duration.prefault('5m').describe('Until a call is taken up'),
      idle: duration.prefault('2m').describe('Longest silence within an answer'),
      stop: duration.prefault('5s').describe('From SIGTERM to SIGKILL'),
    })
    .prefault({}),
});
export type Options = z.output<typeof options>;
