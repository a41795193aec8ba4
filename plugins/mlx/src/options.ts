import { positiveDuration as duration } from '@backplane/core/units';
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

/** Keys of mlx-openai-server's own configuration that Backplane has a say of its own in, and what to say instead. */
const taken: Readonly<Record<string, string>> = {
  model_path: 'options.path',
  model_type: 'options.type',
  context_length: 'options.context_length',
  served_model_name: 'the id of the model',
  queue_size: 'models[].queue',
  queue_timeout: 'models[].queue',
  max_concurrency: 'options.slots',
  reasoning_parser: 'models[].reasoning',
  tool_call_parser: 'models[].dialect',
  enable_auto_tool_choice: 'models[].dialect',
  on_demand: 'nothing: each model is a process of its own',
  on_demand_idle_timeout: 'nothing: each model is a process of its own',
  chat_template_file: 'options.chat_template',
  trust_remote_code: 'options.trust_remote_code',
  draft_model_path: 'options.draft_model, with engine: mlx-lm',
  num_draft_tokens: 'options.draft_model, with engine: mlx-lm',
  // Without it, a call that comes blocks the one that runs, and even its cancelling.
  disable_batching: 'options.slots: 1',
  prompt_cache_size: 'options.prompt_cache_size',
  debug: 'nothing: it writes prompts to its log',
};

/** Further keys of a model in mlx-openai-server's own configuration; its version decides which there are. */
const modelKeys = z
  .record(z.string().regex(/^[a-z_]+$/), z.union([z.string(), z.number(), z.boolean()]))
  .superRefine((keys, context) => {
    for (const key of Object.keys(keys)) {
      if (taken[key] !== undefined) {
        context.addIssue({ code: 'custom', path: [key], message: `is decided elsewhere; say ${taken[key]} instead` });
      }
    }
  });

const timeouts = z
  .strictObject({
    load: duration.prefault('10m').describe('From start to the first token'),
    first_byte: duration.optional().describe('Until a call is taken up; absent: 5m, for whisper models 30m'),
    idle: duration.prefault('2m').describe('Longest silence within an answer'),
    stop: duration.optional().describe('From SIGTERM to SIGKILL; absent: 5s, for mlx-openai-server 10s'),
  })
  .prefault({});

/** What both engines take. */
const shared = {
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
  chat_template: z.string().min(1).optional().describe('A Jinja file, relative to config.yaml, instead of the model’s'),
  trust_remote_code: z.boolean().default(false).describe("Whether Python code in the model's folder may run"),
  timeouts,
};

const lmOptions = z.strictObject({
  engine: z.literal('mlx-lm').default('mlx-lm').describe('The server that is run: mlx_lm.server'),
  ...shared,
  draft_model: z
    .string()
    .min(1)
    .optional()
    .describe('A folder with a small model that drafts, relative to config.yaml'),
  adapter: z.string().min(1).optional().describe('A folder with a LoRA adapter, relative to config.yaml'),
  arguments: serverArguments.prefault({}).describe('Further options of mlx_lm.server'),
});

const openaiServerOptions = z.strictObject({
  engine: z.literal('mlx-openai-server').describe('The server that is run: mlx-openai-server, with this one model'),
  type: z
    .enum(['lm', 'multimodal', 'embeddings', 'whisper'])
    .default('lm')
    .describe('What the model is for: text, text about images, vectors, or speech to text'),
  ...shared,
  arguments: modelKeys.prefault({}).describe("Further keys of a model in that server's own configuration"),
});

/** What config.yaml says of a model under `options:`; docs/mlx.md has the table. */
export const options = z.discriminatedUnion('engine', [lmOptions, openaiServerOptions]);
export type Options = z.output<typeof options>;
export type LmOptions = z.output<typeof lmOptions>;
export type OpenaiServerOptions = z.output<typeof openaiServerOptions>;
