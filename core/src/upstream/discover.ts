import { json } from 'node:stream/consumers';
import type { Upstream } from './upstream.ts';
import { ask } from './wire/ask.ts';

/** What an upstream says of one of its models. */
export interface Discovered {
  readonly contextLength?: number;
  /** It is of a make that can say the usage in every chunk of a stream. */
  readonly counting: boolean;
}

/** How servers that know `stream_options.continuous_usage_stats` sign their models. Others may refuse a field they do not know. */
const countingOwners: ReadonlySet<string | undefined> = new Set(['vllm', 'sglang']);

interface Listed {
  readonly id?: string;
  readonly owned_by?: string;
  readonly max_model_len?: number;
  readonly context_length?: number;
  readonly meta?: { readonly n_ctx_train?: number; readonly n_ctx?: number } | null;
}

/** Asks `/v1/models`. Undefined when it cannot be reached or does not list the model. */
export async function discover(
  upstream: Upstream,
  model: string,
  signal: AbortSignal,
): Promise<Discovered | undefined> {
  try {
    const reply = await ask(
      upstream.connections,
      { method: 'GET', path: `${upstream.base}/v1/models`, headers: upstream.credentials },
      signal,
    );
    if (reply.status !== 200) {
      reply.cancel();
      return undefined;
    }
    const { data } = (await json(reply.body)) as { readonly data?: readonly Listed[] };
    const found = data?.find(({ id }) => id === model) ?? (data?.length === 1 ? data[0] : undefined);
    if (!found) return undefined;
    const contextLength = found.max_model_len ?? found.context_length ?? found.meta?.n_ctx ?? found.meta?.n_ctx_train;
    return {
      counting: countingOwners.has(found.owned_by),
      ...(typeof contextLength === 'number' && { contextLength }),
    };
  } catch {
    return undefined;
  }
}
