import { type Call, type EmbedRequest, type EmbedResult, Failure } from '@backplane/core/sdk';
import type { LlamaEmbeddingContext, Token } from 'node-llama-cpp';
import type { Model } from './model.ts';
import { checkTokens } from './prompt.ts';

/** Embeddings in a context of their own, one input at a time: running chats keep their slots and their caches. */
export class Embedder {
  readonly #model: Model;
  readonly #context: LlamaEmbeddingContext;
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  private constructor(model: Model, context: LlamaEmbeddingContext) {
    this.#model = model;
    this.#context = context;
  }

  /** The batch holds a whole input, since models that read in both directions cannot take it in parts. */
  static async open(model: Model, batchSize: number | undefined, signal: AbortSignal): Promise<Embedder> {
    const context = await model.weights.createEmbeddingContext({
      contextSize: model.contextSize,
      batchSize: batchSize ?? model.contextSize,
      threads: model.threads,
      createSignal: signal,
    });
    return new Embedder(model, context);
  }

  async embed(request: EmbedRequest, call: Call): Promise<EmbedResult> {
    const inputs = request.input.map((input, at) => this.#tokens(input, at));
    const vectors: Float32Array[] = [];
    for (const tokens of inputs) vectors.push(await this.#one(tokens, call.signal));
    const promptTokens = inputs.reduce((sum, tokens) => sum + this.#context.calculateInputLength(tokens), 0);
    return { vectors, usage: { promptTokens, completionTokens: 0 } };
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#last;
    await this.#context.dispose();
  }

  #tokens(input: string | readonly number[], at: number): Token[] {
    const param = `input.${at}`;
    const { weights, contextSize } = this.#model;
    const tokens = typeof input === 'string' ? weights.tokenize(input, false) : checkTokens(input, this.#model, param);
    if (tokens.length === 0) throw new Failure('invalid_request', `Input ${at} is empty`, { param });
    const length = this.#context.calculateInputLength(tokens);
    if (length < contextSize) return tokens;
    const message = `Input ${at} has ${length} tokens, but this model embeds at most ${contextSize - 1}: split it`;
    throw new Failure('context_length_exceeded', message, { param });
  }

  async #one(tokens: Token[], signal: AbortSignal): Promise<Float32Array> {
    const turn = this.#last.then(async () => {
      if (signal.aborted) throw Failure.from(signal.reason, 'cancelled');
      if (this.#closed) throw new Failure('shutting_down', 'The model is being unloaded');
      return this.#context.getEmbeddingFor(tokens);
    });
    this.#last = turn.catch(() => undefined);
    return unit((await turn).vector);
  }
}

function unit(vector: readonly number[]): Float32Array {
  const length = Math.hypot(...vector) || 1;
  return Float32Array.from(vector, (x) => x / length);
}
