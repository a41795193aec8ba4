import { createParser } from 'eventsource-parser';
import { type ChatEvent, Failure, type FinishReason, type TokenLogprob, type Usage } from '../sdk/index.ts';
import { type Accused, complaint } from './refusal.ts';

interface Delta {
  readonly content?: string | null;
  readonly reasoning_content?: string | null;
  readonly reasoning?: string | null;
  readonly tool_calls?: readonly {
    readonly index?: number;
    readonly id?: string;
    readonly function?: { readonly name?: string | null; readonly arguments?: string | null };
  }[];
}

interface Chunk {
  readonly error?: unknown;
  readonly choices?: readonly {
    readonly delta?: Delta;
    readonly text?: string;
    readonly logprobs?: { readonly content?: readonly TokenLogprob[] | null } | null;
    readonly finish_reason?: string | null;
  }[];
  readonly usage?: UsageBody | null;
}

export interface UsageBody {
  readonly prompt_tokens?: number;
  readonly completion_tokens?: number;
  readonly prompt_tokens_details?: { readonly cached_tokens?: number | null } | null;
  readonly completion_tokens_details?: { readonly reasoning_tokens?: number | null } | null;
}

/** Longest event that is taken, in characters: an upstream cannot fill our memory with one line. */
const eventLimit = 16 * 1024 * 1024;

/**
 * Turns an upstream's stream of `chat.completion.chunk` or `text_completion` objects into neutral events. Knows vLLM's,
 * llama-server's, SGLang's and mlx-lm's ways: `reasoning` and `reasoning_content`, comments, deltas that repeat the role,
 * usage in a chunk of its own, in the last or in each. Where it is not in each, a piece counts as a token until the end.
 */
export class Decoder {
  readonly #events: ChatEvent[] = [];
  readonly #utf8 = new TextDecoder();
  readonly #parser;
  readonly #upstream: Accused;
  #length = 0;
  #finish: FinishReason | undefined;
  /** The last that the upstream said of it. */
  #usage: Usage | undefined;
  readonly #promptTokens: number;
  #started = false;
  /** Tokens that the events so far stand for. */
  #counted = 0;
  #done = false;
  #error: Failure | undefined;

  /** `promptTokens`: what to take the prompt for while the upstream does not say. */
  constructor(upstream: Accused, promptTokens = 0) {
    this.#upstream = upstream;
    this.#promptTokens = promptTokens;
    this.#parser = createParser({
      onEvent: ({ data }) => {
        this.#length = 0;
        this.#read(data);
      },
    });
  }

  /** No more comes. Whether the upstream had said that the answer is whole. */
  close(): boolean {
    this.#parser.feed('\n\n');
    return this.#done;
  }

  /** What the stream turned out to be instead of an answer. The events before it are sound. */
  get failure(): Failure | undefined {
    return this.#error;
  }

  /** The events that a piece of the stream completes. `finish` waits for the end, since usage may follow it. */
  push(bytes: Uint8Array): readonly ChatEvent[] {
    this.#length += bytes.length;
    if (this.#length > eventLimit)
      throw new Failure('backend_failed', `${this.#upstream.title} sent an event without end`);
    this.#parser.feed(this.#utf8.decode(bytes, { stream: true }));
    return this.#events.splice(0);
  }

  /** The last events. Throws `failure`, and when the stream did not say that it was over. */
  end(): readonly ChatEvent[] {
    const done = this.close();
    if (this.#error) throw this.#error;
    if (!this.#finish || !done) {
      throw new Failure(
        'backend_failed',
        `${this.#upstream.title} ended its stream without saying that the answer is whole`,
      );
    }
    return [
      ...this.#events.splice(0),
      { type: 'finish', reason: this.#finish },
      ...(this.#usage ? [{ type: 'usage', usage: this.#usage } as const] : []),
    ];
  }

  #read(data: string): void {
    if (this.#error || this.#done) return;
    if (data === '[DONE]') {
      this.#done = true;
      return;
    }
    let chunk: Chunk | null;
    try {
      chunk = JSON.parse(data) as Chunk | null;
    } catch {
      this.#error = this.#broken('an event that is no JSON');
      return;
    }
    if (typeof chunk !== 'object' || chunk === null) {
      this.#error = this.#broken('an event that is no object');
      return;
    }
    try {
      this.#chunk(chunk);
    } catch {
      this.#error = this.#broken('an event that is no chunk of an answer');
    }
  }

  #broken(what: string): Failure {
    return new Failure('backend_failed', `${this.#upstream.title} sent ${what}`);
  }

  #chunk(chunk: Chunk): void {
    if (chunk.error) {
      this.#error = complaint(this.#upstream, chunk.error);
      return;
    }
    if (chunk.usage) this.#usage = usageOf(chunk.usage);
    const choice = chunk.choices?.[0];
    if (!choice) return;
    const { delta, text, logprobs, finish_reason } = choice;
    if (delta) this.#delta(delta, logprobs?.content);
    if (typeof text === 'string' && text !== '') this.#events.push({ type: 'text', text, tokens: this.#count() });
    if (finish_reason === 'error' || finish_reason === 'abort') {
      this.#error = complaint(this.#upstream, `it gave up the answer (finish_reason ${finish_reason})`);
    } else if (finish_reason) this.#finish = finishOf(finish_reason);
  }

  #delta(
    { content, reasoning_content, reasoning, tool_calls }: Delta,
    logprobs?: readonly TokenLogprob[] | null,
  ): void {
    const thought = reasoning_content ?? reasoning;
    if (typeof thought === 'string' && thought !== '')
      this.#events.push({ type: 'reasoning', text: thought, tokens: this.#count() });
    if (typeof content === 'string' && content !== '')
      this.#events.push({ type: 'text', text: content, tokens: this.#count(), ...(logprobs && { logprobs }) });
    for (const { index = 0, id, function: called } of tool_calls ?? []) {
      this.#events.push({
        type: 'tool_call',
        index,
        tokens: this.#count(),
        ...(id && { id }),
        ...(called?.name && { name: called.name }),
        ...(called?.arguments && { arguments: called.arguments }),
      });
    }
  }

  /** How many tokens the piece at hand stands for. The first says how it began. */
  #count(): number {
    const usage = this.#usage;
    if (!this.#started) {
      this.#started = true;
      this.#events.push(
        usage
          ? {
              type: 'started',
              promptTokens: usage.promptTokens,
              ...(usage.cachedTokens !== undefined && { cachedTokens: usage.cachedTokens }),
            }
          : { type: 'started', promptTokens: this.#promptTokens, estimated: true },
      );
    }
    const tokens = usage ? Math.max(usage.completionTokens - this.#counted, 0) : 1;
    this.#counted += tokens;
    return tokens;
  }
}

export function usageOf(body: UsageBody): Usage {
  const cachedTokens = body.prompt_tokens_details?.cached_tokens ?? undefined;
  const reasoningTokens = body.completion_tokens_details?.reasoning_tokens ?? undefined;
  return {
    promptTokens: body.prompt_tokens ?? 0,
    completionTokens: body.completion_tokens ?? 0,
    ...(cachedTokens !== undefined && { cachedTokens }),
    ...(reasoningTokens !== undefined && { reasoningTokens }),
  };
}

function finishOf(reason: string): FinishReason {
  return reason === 'length' || reason === 'tool_calls' || reason === 'content_filter' ? reason : 'stop';
}
