import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Dialect, Failure } from '@backplane/core/sdk';
import { type ChatTemplate, compileTemplate, describeTemplate } from '@backplane/core/text';
import { z } from 'zod';
import type { PromptParts, VisionTokens } from './prompt.ts';
import type { PixelBudget } from './smart-resize.ts';
import { Tokenizer } from './tokenizer.ts';

/** What the files of a model folder say, apart from the bmodel. */
export interface ModelConfig extends PromptParts {
  readonly directory: string;
  readonly visionTokens: VisionTokens;
  /** Values that logits have: tokens of the vocabulary and padding. */
  readonly vocabulary: number;
  /** Entries of a side of the learned position table: the root of `num_position_embeddings`. */
  readonly tableSide: number;
  /** Each of these ends an answer. */
  readonly stopIds: readonly number[];
  /** How the model is sampled where a request does not say; from generation_config.json. */
  readonly sampling: SamplingDefaults;
  /** What preprocessor_config.json gives a picture; a bmodel takes less. */
  readonly pixels: PixelBudget;
  readonly tokenizer: Tokenizer;
  readonly chatTemplate: ChatTemplate;
  readonly dialect: Dialect;
}

export interface SamplingDefaults {
  readonly temperature?: number | undefined;
  readonly top_p?: number | undefined;
  readonly top_k?: number | undefined;
  readonly repetition_penalty?: number | undefined;
}

const id = z.int().min(0);
const config = z.object({
  image_token_id: id,
  video_token_id: id,
  vision_start_token_id: id,
  vision_end_token_id: id,
  text_config: z.object({ vocab_size: z.int().min(1), eos_token_id: id.optional() }),
  vision_config: z.object({
    num_position_embeddings: z.int().refine((entries) => Number.isInteger(Math.sqrt(entries)), 'must be a square'),
    patch_size: z.literal(16),
    temporal_patch_size: z.literal(2),
    spatial_merge_size: z.literal(2),
  }),
});
const generation = z.object({
  eos_token_id: z.union([id, z.array(id)]).optional(),
  temperature: z.number().min(0).optional(),
  top_p: z.number().min(0).max(1).optional(),
  top_k: z.int().min(0).optional(),
  repetition_penalty: z.number().gt(0).optional(),
});
const halves = z.tuple([z.literal(0.5), z.literal(0.5), z.literal(0.5)]);
const preprocessor = z.object({
  size: z.object({ shortest_edge: z.int().min(1), longest_edge: z.int().min(1) }),
  patch_size: z.literal(16).optional(),
  temporal_patch_size: z.literal(2).optional(),
  merge_size: z.literal(2).optional(),
  image_mean: halves.optional(),
  image_std: halves.optional(),
});
const token = z.union([z.string(), z.object({ content: z.string() }).transform(({ content }) => content)]).nullish();
const tokenizerConfig = z.looseObject({ bos_token: token, eos_token: token, chat_template: z.string().optional() });

/**
 * Reads config.json, tokenizer.json, tokenizer_config.json and the chat template, and, where they are there,
 * generation_config.json and preprocessor_config.json. Throws `backend_failed` with a sentence that names file and key.
 */
export async function readModelConfig(directory: string): Promise<ModelConfig> {
  const folder = new Folder(directory);
  const main = await folder.json('config.json', config);
  const texts = await folder.json('tokenizer_config.json', tokenizerConfig);
  const generated = await folder.optional('generation_config.json', generation);
  const pictures = await folder.optional('preprocessor_config.json', preprocessor);
  const template = await folder.template(texts.chat_template);
  const tokenizer = await folder.tokenizer(texts);
  const stop = [generated?.eos_token_id, main.text_config.eos_token_id, tokenizer.id(texts.eos_token ?? '')].flat();
  return {
    directory,
    visionTokens: {
      image: main.image_token_id,
      video: main.video_token_id,
      start: main.vision_start_token_id,
      end: main.vision_end_token_id,
    },
    vocabulary: main.text_config.vocab_size,
    tableSide: Math.sqrt(main.vision_config.num_position_embeddings),
    stopIds: [...new Set(stop.filter((id) => id !== undefined))],
    sampling: {
      temperature: generated?.temperature,
      top_p: generated?.top_p,
      top_k: generated?.top_k,
      repetition_penalty: generated?.repetition_penalty,
    },
    pixels: { minPixels: pictures?.size.shortest_edge ?? 65_536, maxPixels: pictures?.size.longest_edge ?? 16_777_216 },
    tokenizer,
    chatTemplate: compileTemplate(template, { bos: texts.bos_token ?? '', eos: texts.eos_token ?? '' }),
    dialect: describeTemplate(template).dialect,
  };
}

/** A model folder whose every fault is a sentence. */
class Folder {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async json<Schema extends z.ZodType>(name: string, schema: Schema): Promise<z.output<Schema>> {
    const value = await this.optional(name, schema);
    if (value !== undefined) return value;
    throw this.#fault(`${name} is not there; copy it from the model's page, where the bmodel's weights come from.`);
  }

  /** undefined when the file is not there. */
  async optional<Schema extends z.ZodType>(name: string, schema: Schema): Promise<z.output<Schema> | undefined> {
    const text = await this.#read(name);
    if (text === undefined) return undefined;
    const result = schema.safeParse(this.#parse(name, text));
    if (result.success) return result.data;
    const [issue] = result.error.issues;
    throw this.#fault(`${name} does not fit this plugin: ${issue?.path.join('.') || 'it'}: ${issue?.message}.`);
  }

  async template(inConfig: string | undefined): Promise<string> {
    const jinja = await this.#read('chat_template.jinja');
    if (jinja !== undefined) return jinja;
    const file = await this.optional('chat_template.json', z.object({ chat_template: z.string() }));
    const template = file?.chat_template ?? inConfig;
    if (template !== undefined) return template;
    throw this.#fault(
      'there is no chat template: neither chat_template.jinja, chat_template.json nor tokenizer_config.json has one.',
    );
  }

  async tokenizer(config: object): Promise<Tokenizer> {
    const source = await this.json(
      'tokenizer.json',
      z.looseObject({ model: z.looseObject({ type: z.literal('BPE') }) }),
    );
    try {
      return new Tokenizer(source, config);
    } catch (thrown) {
      throw this.#fault(`tokenizer.json cannot be used: ${Failure.from(thrown).message}.`);
    }
  }

  #parse(name: string, text: string): unknown {
    try {
      return JSON.parse(text);
    } catch {
      const pointer = text.startsWith('version https://git-lfs');
      const why = pointer ? 'is a Git LFS pointer, not the file itself; run git lfs pull there' : 'is not JSON';
      throw this.#fault(`${name} ${why}.`);
    }
  }

  async #read(name: string): Promise<string | undefined> {
    try {
      return await readFile(join(this.#directory, name), 'utf8');
    } catch (thrown) {
      const { code, message } = thrown as NodeJS.ErrnoException;
      if (code === 'ENOENT') return undefined;
      throw this.#fault(`${name} cannot be read: ${message}.`);
    }
  }

  #fault(what: string): Failure {
    return new Failure('backend_failed', `The model folder ${this.#directory} cannot be used: ${what}`);
  }
}
