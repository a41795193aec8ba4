import type { Usage } from './chat.ts';

export interface EmbedRequest {
  readonly model: string;
  /** Each a text, or the token ids themselves. */
  readonly input: readonly (string | readonly number[])[];
  /** Length the caller wants; only a model whose facts honour `dimensions` sees it. */
  readonly dimensions?: number;
  readonly extra: Readonly<Record<string, unknown>>;
}

export interface EmbedResult {
  /** One vector per input, in its order. */
  readonly vectors: readonly Float32Array[];
  readonly usage: Usage;
}
