import { z } from 'zod';
import type { EmbedRequest, EmbedResult } from '../sdk/index.ts';
import { readParameters } from './parameters.ts';
import { extraOf } from './sampling.ts';
import type { Target } from './target.ts';
import { validate } from './validate.ts';

const tokens = z.array(z.int().min(0)).min(1);
const text = z.string().min(1);
const embeddingFields = {
  model: z.string().min(1),
  /** OpenAI's limit: 2,048 inputs in one request. */
  input: z.union([text, z.array(text).min(1).max(2_048), tokens, z.array(tokens).min(1).max(2_048)]),
  encoding_format: z.enum(['float', 'base64']).default('float'),
  dimensions: z.int().min(1).optional(),
};

/** Body of `POST /v1/embeddings`. */
export const embeddingSchema = z.looseObject(embeddingFields);

export interface Embedding {
  readonly request: EmbedRequest;
  readonly ignored: readonly string[];
  encode(result: EmbedResult): object;
}

/** Reads the body of `POST /v1/embeddings`. Throws `invalid_request` and `unsupported_parameter`. */
export function readEmbedding(sent: Readonly<Record<string, unknown>>, target: Target): Embedding {
  const { body: merged, ignored } = readParameters(sent, target);
  const body = validate(embeddingSchema, merged);
  const { input, encoding_format: format, dimensions } = body;
  return {
    request: {
      model: target.name,
      input:
        typeof input === 'string'
          ? [input]
          : typeof input[0] === 'number'
            ? [input as number[]]
            : (input as (string | number[])[]),
      ...(dimensions !== undefined && { dimensions }),
      extra: extraOf(body, embeddingFields),
    },
    ignored,
    encode: ({ vectors, usage }) => ({
      object: 'list',
      data: vectors.map((vector, index) => ({
        object: 'embedding',
        index,
        embedding: format === 'base64' ? base64(vector) : Array.from(vector),
      })),
      model: target.name,
      usage: { prompt_tokens: usage.promptTokens, total_tokens: usage.promptTokens },
    }),
  };
}

/** Little-endian float32, as OpenAI's SDKs ask for by default and decode. */
function base64(vector: Float32Array): string {
  return Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString('base64');
}
