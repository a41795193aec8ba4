import type {
  ChatEvent,
  ChatRequest,
  CompletionRequest,
  FinishReason,
  TokenLogprob,
  ToolCall,
  Usage,
} from '../sdk/index.ts';
import type { FinisherOptions } from '../text/finish.ts';

/** A request for text, read and checked: what to run and how to answer. */
export interface Generation {
  readonly task: 'chat' | 'complete';
  /** One per choice of the answer. */
  readonly requests: readonly (ChatRequest | CompletionRequest)[];
  /** Choices that share a prompt: usage counts its tokens once. */
  readonly choicesPerPrompt: number;
  readonly finishing: FinisherOptions;
  readonly stream: boolean;
  readonly includeUsage: boolean;
  /** Names for `x-backplane-ignored`. */
  readonly ignored: readonly string[];
  readonly encoder: Encoder;
}

/** Turns events into OpenAI's wire, for one endpoint and one request. */
export interface Encoder {
  /** Server-sent events for one event; '' when it shows nothing. A choice's first opens it. */
  event(choice: number, event: ChatEvent): string;
  /** The last chunk, when the client asked for usage. */
  usage(usage: Usage): string;
  /** The answer that is not streamed. */
  whole(choices: readonly Choice[], usage: Usage): object;
}

/** One choice of an answer, gathered. */
export class Choice {
  text = '';
  reasoning = '';
  finish: FinishReason = 'stop';
  readonly logprobs: TokenLogprob[] = [];
  readonly #calls: { id: string; name: string; arguments: string }[] = [];

  add(event: ChatEvent): void {
    switch (event.type) {
      case 'text':
        this.text += event.text;
        if (event.logprobs) this.logprobs.push(...event.logprobs);
        break;
      case 'reasoning':
        this.reasoning += event.text;
        break;
      case 'tool_call': {
        this.#calls[event.index] ??= { id: event.id ?? '', name: '', arguments: '' };
        const call = this.#calls[event.index] as { id: string; name: string; arguments: string };
        call.name += event.name ?? '';
        call.arguments += event.arguments ?? '';
        break;
      }
      case 'finish':
        this.finish = event.reason;
        break;
    }
  }

  get toolCalls(): readonly ToolCall[] {
    return this.#calls.map(({ id, name, arguments: text }) => ({
      id,
      type: 'function',
      function: { name, arguments: text },
    }));
  }
}

/** OpenAI's `usage`. */
export function usageBody(usage: Usage): object {
  return {
    prompt_tokens: usage.promptTokens,
    completion_tokens: usage.completionTokens,
    total_tokens: usage.promptTokens + usage.completionTokens,
    prompt_tokens_details: { cached_tokens: usage.cachedTokens ?? 0 },
    completion_tokens_details: { reasoning_tokens: usage.reasoningTokens ?? 0 },
    ...(usage.estimated && { estimated: true }),
  };
}

/** The usage of an answer: every generated token, and each prompt once however many choices came of it. */
export function addUsage(each: readonly (Usage | undefined)[], choicesPerPrompt: number): Usage {
  const sum = { promptTokens: 0, completionTokens: 0, cachedTokens: 0, reasoningTokens: 0 };
  each.forEach((usage, choice) => {
    if (!usage) return;
    sum.completionTokens += usage.completionTokens;
    sum.reasoningTokens += usage.reasoningTokens ?? 0;
    if (choice % choicesPerPrompt !== 0) return;
    sum.promptTokens += usage.promptTokens;
    sum.cachedTokens += usage.cachedTokens ?? 0;
  });
  return each.some((usage) => usage?.estimated) ? { ...sum, estimated: true } : sum;
}

/** The seed of a choice: the same seed for each would give the same answer n times. */
export function seedOf(seed: number | undefined, choice: number): { seed?: number } {
  return seed === undefined ? {} : { seed: seed + choice };
}
