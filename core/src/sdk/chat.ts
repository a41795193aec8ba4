/** Requests stay in OpenAI's wire form: one vocabulary for config, docs, logs, upstreams and clients. */
export type Part =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'image_url'; readonly image_url: { readonly url: string; readonly detail?: string } }
  | { readonly type: 'video_url'; readonly video_url: { readonly url: string } }
  | { readonly type: 'input_audio'; readonly input_audio: { readonly data: string; readonly format: string } };

export interface ToolCall {
  readonly id: string;
  readonly type: 'function';
  /** `arguments` is JSON text, as the model wrote it. */
  readonly function: { readonly name: string; readonly arguments: string };
}

/** A function the model may call; `parameters` is a JSON Schema. */
export interface Tool {
  readonly type: 'function';
  readonly function: {
    readonly name: string;
    readonly description?: string;
    readonly parameters?: Readonly<Record<string, unknown>>;
    readonly strict?: boolean;
  };
}

export type ToolChoice =
  | 'auto'
  | 'none'
  | 'required'
  | { readonly type: 'function'; readonly function: { readonly name: string } };

export type ResponseFormat =
  | { readonly type: 'text' }
  | { readonly type: 'json_object' }
  | {
      readonly type: 'json_schema';
      readonly json_schema: {
        readonly name: string;
        readonly schema: Readonly<Record<string, unknown>>;
        readonly strict?: boolean;
      };
    };

export interface Message {
  readonly role: 'system' | 'developer' | 'user' | 'assistant' | 'tool';
  readonly content: string | readonly Part[] | null;
  readonly name?: string;
  readonly tool_call_id?: string;
  readonly tool_calls?: readonly ToolCall[];
  readonly reasoning_content?: string;
}

/** How tokens are drawn. An absent field means "the model's default", which is greedy nowhere: temperature 1, top_p 1. */
export interface Sampling {
  /** 0 (greedy) to 2. */
  readonly temperature?: number;
  /** 0 to 1. */
  readonly top_p?: number;
  /** 0 or -1: off. */
  readonly top_k?: number;
  /** 0 to 1. */
  readonly min_p?: number;
  readonly seed?: number;
  /** -2 to 2. */
  readonly presence_penalty?: number;
  /** -2 to 2. */
  readonly frequency_penalty?: number;
  /** Above 0; 1 is off. */
  readonly repetition_penalty?: number;
  /** Token id -> -100 (never) to 100 (always). */
  readonly logit_bias?: Readonly<Record<string, number>>;
  /** Tokens to generate at most; absent: until the context is full. */
  readonly max_tokens?: number;
  /** Whether each text event carries the log probability of its tokens. */
  readonly logprobs?: boolean;
  /** 0 to 20 alternatives per token; needs `logprobs`. */
  readonly top_logprobs?: number;
}

export interface ChatRequest extends Sampling {
  readonly model: string;
  readonly messages: readonly Message[];
  /** Absent when the caller asked for no tools or said `tool_choice: none`. */
  readonly tools?: readonly Tool[];
  /** `auto` is sent as absent, `none` never reaches a backend. */
  readonly tool_choice?: Exclude<ToolChoice, 'auto' | 'none'>;
  readonly parallel_tool_calls?: boolean;
  /** `text` is sent as absent. */
  readonly response_format?: Exclude<ResponseFormat, { readonly type: 'text' }>;
  /** Variables of the chat template; the caller's `enable_thinking` is merged in. Only names the operator or the model allows. */
  readonly chat_template_kwargs?: Readonly<Record<string, unknown>>;
  /** Fields the core does not know, kept verbatim. */
  readonly extra: Readonly<Record<string, unknown>>;
}

export interface CompletionRequest extends Sampling {
  readonly model: string;
  /** Text, or the token ids themselves. */
  readonly prompt: string | readonly number[];
  readonly extra: Readonly<Record<string, unknown>>;
}

export interface TokenLogprob {
  /** The token's text; U+FFFD where it is a part of a character. */
  readonly token: string;
  /** Natural logarithm of the probability the model gave it, before temperature and truncation. */
  readonly logprob: number;
  readonly bytes: readonly number[] | null;
  readonly top_logprobs: readonly Omit<TokenLogprob, 'top_logprobs'>[];
}

export type FinishReason = 'stop' | 'length' | 'tool_calls' | 'content_filter';

export interface Usage {
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** Prompt tokens that were not computed again because an earlier call left them in the KV cache. */
  readonly cachedTokens?: number;
  readonly reasoningTokens?: number;
  /** Whoever computed the answer did not say: the numbers are what its pieces and the prompt's length suggest. */
  readonly estimated?: boolean;
}

/**
 * Replies are neutral events; only `core/src/openai` turns them into chunks or one JSON object.
 *
 * A backend that only makes text yields it raw and names a `dialect` in its facts: the core then cuts stop strings,
 * reasoning and tool calls out of it. A backend whose engine tells them apart already yields the finer events itself.
 * Order: `started` (at most once, first), then text, reasoning and tool calls, then `finish` (exactly once), then
 * `usage` (at most once).
 */
export type ChatEvent =
  | {
      /** The prompt is computed; output follows. */
      readonly type: 'started';
      readonly promptTokens: number;
      readonly cachedTokens?: number;
      /** True when the numbers here and the `tokens` of the pieces are guessed, since the engine does not say. */
      readonly estimated?: boolean;
      /** True when the prompt itself opened the reasoning block, so that the output begins inside it. */
      readonly reasoning?: boolean;
    }
  | {
      readonly type: 'text';
      /** Whole characters only: a token that ends inside a character is held back until the character is whole. */
      readonly text: string;
      /** Generated tokens that this piece stands for (0 for flushed rests); lets the core count a call it cut short. */
      readonly tokens?: number;
      readonly logprobs?: readonly TokenLogprob[];
    }
  | { readonly type: 'reasoning'; readonly text: string; readonly tokens?: number }
  | {
      /** One call comes in pieces that assemble: `id` and `name` in the first, then `arguments` text to append. */
      readonly type: 'tool_call';
      /** 0 .. calls-1, in order of appearance. */
      readonly index: number;
      readonly id?: string;
      readonly name?: string;
      readonly arguments?: string;
      readonly tokens?: number;
    }
  | { readonly type: 'finish'; readonly reason: FinishReason }
  | { readonly type: 'usage'; readonly usage: Usage };
