import { z } from 'zod';

/** What config.yaml says of a model under `options:`; README.md has the table. */
export const options = z.strictObject({
  path: z.string().min(1).describe('A GGUF file, relative to config.yaml, or hf:user/repo:quant to download once'),
  models_dir: z.string().min(1).default('models').describe('Where hf: models are kept, relative to config.yaml'),
  context_size: z.int().min(16).max(16_777_216).optional().describe('Tokens of prompt and answer of one call'),
  slots: z.int().min(1).max(256).default(4).describe('Calls that run at once, each with a context of its own'),
  threads: z.int().min(1).max(512).optional().describe('CPU threads of one evaluation'),
  gpu: z
    .union([z.literal(false), z.enum(['auto', 'cuda', 'vulkan', 'metal'])])
    .optional()
    .describe('Which GPU library to use; false: the CPU'),
  gpu_layers: z
    .union([z.int().min(0), z.enum(['auto', 'max'])])
    .optional()
    .describe('Layers to keep in GPU memory'),
  flash_attention: z.boolean().optional().describe('Faster prompts, less memory; slower answers for tiny CPU models'),
  batch_size: z.int().min(32).max(65_536).optional().describe('Tokens that one evaluation takes at most'),
  embeddings: z.boolean().default(false).describe('Whether the model answers /v1/embeddings'),
  chat_template: z.string().min(1).optional().describe('A Jinja file, relative to config.yaml, instead of the model’s'),
});
export type Options = z.output<typeof options>;
