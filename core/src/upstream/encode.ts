import type { ChatRequest, CompletionRequest, EmbedRequest } from '../sdk/index.ts';

/**
 * The body of a request towards an upstream: always streamed, with usage, so that the core can tell how it ends.
 * `counting`: with usage in every chunk, which is not OpenAI's and which its own servers refuse.
 */
export function encodeGeneration(
  request: ChatRequest | CompletionRequest,
  model: string,
  counting: boolean,
): Uint8Array {
  const { extra, model: _, ...known } = request;
  return Buffer.from(
    JSON.stringify({
      ...extra,
      ...known,
      ...legacyLogprobs(request),
      model,
      stream: true,
      stream_options: { include_usage: true, ...(counting && { continuous_usage_stats: true }) },
    }),
  );
}

/** Completions say `logprobs: 3` where chats say `logprobs: true, top_logprobs: 3`. */
function legacyLogprobs(request: ChatRequest | CompletionRequest): object {
  if (!('prompt' in request) || !request.logprobs) return {};
  return { logprobs: request.top_logprobs ?? 0, top_logprobs: undefined };
}

export function encodeEmbedding({ extra, input, dimensions }: EmbedRequest, model: string): Uint8Array {
  return Buffer.from(
    JSON.stringify({ ...extra, input, ...(dimensions && { dimensions }), model, encoding_format: 'float' }),
  );
}
