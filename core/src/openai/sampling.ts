import { z } from 'zod';
import { Failure, type Sampling } from '../sdk/index.ts';

const integer = z.int();

/** Fields that chat and completions share. Ranges are OpenAI's and vLLM's. */
export const samplingFields = {
  temperature: z.number().min(0).max(2).optional(),
  top_p: z.number().min(0).max(1).optional(),
  top_k: integer.min(-1).max(1_000_000).optional(),
  min_p: z.number().min(0).max(1).optional(),
  seed: integer.optional(),
  presence_penalty: z.number().min(-2).max(2).optional(),
  frequency_penalty: z.number().min(-2).max(2).optional(),
  repetition_penalty: z.number().gt(0).max(10).optional(),
  logit_bias: z
    .record(z.string().regex(/^\d{1,9}$/, 'must be a token id'), z.number().min(-100).max(100))
    .refine((bias) => Object.keys(bias).length <= 1024, 'at most 1024 tokens')
    .optional(),
  max_tokens: integer.min(1).optional(),
};

/** Fields that every generating endpoint has and the core honours itself. */
export const answerFields = {
  model: z.string().min(1),
  n: integer.min(1).max(128).default(1),
  stop: z
    .union([z.string().min(1).max(1_000), z.array(z.string().min(1).max(1_000)).max(16)])
    .transform((stop) => (typeof stop === 'string' ? [stop] : stop))
    .default([]),
  stream: z.boolean().default(false),
  stream_options: z.looseObject({ include_usage: z.boolean().optional() }).optional(),
};

/** Only the fields that were given, under the names that backends read. */
export function samplingOf(body: { readonly [K in keyof Sampling]?: Sampling[K] | undefined }): Sampling {
  const sampling: Record<string, unknown> = {};
  for (const name of names) if (body[name] !== undefined) sampling[name] = body[name];
  return sampling;
}

const names = [
  'temperature',
  'top_p',
  'top_k',
  'min_p',
  'seed',
  'presence_penalty',
  'frequency_penalty',
  'repetition_penalty',
  'logit_bias',
  'max_tokens',
  'logprobs',
  'top_logprobs',
] as const satisfies readonly (keyof Sampling)[];

/** `max_completion_tokens` is the newer name of `max_tokens`. */
export function maxTokens(body: {
  readonly max_tokens?: number | undefined;
  readonly max_completion_tokens?: number | undefined;
}): number | undefined {
  const { max_tokens, max_completion_tokens } = body;
  if (max_tokens !== undefined && max_completion_tokens !== undefined && max_tokens !== max_completion_tokens) {
    throw new Failure('invalid_request', 'max_tokens and max_completion_tokens mean the same; send one of them.', {
      param: 'max_tokens',
    });
  }
  return max_completion_tokens ?? max_tokens;
}

/** What of a body no schema here knows: kept verbatim for backends that declare it in their parameters. */
export function extraOf(body: Readonly<Record<string, unknown>>, known: object): Record<string, unknown> {
  const extra: Record<string, unknown> = {};
  for (const name of Object.keys(body)) if (!(name in known)) extra[name] = body[name];
  return extra;
}
