import { type ChatRequest, type CompletionRequest, Failure, type Message, type Sampling } from '@backplane/core/sdk';

/** Parameters that `mlx_lm.server` honours. It takes others and does nothing with them, or nothing good. */
export const parameters = [
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
  'chat_template_kwargs',
] as const;

/** Arguments of the tokenizer's `apply_chat_template` itself, which is called with the same keywords. */
const reserved: ReadonlySet<string> = new Set([
  'conversation',
  'messages',
  'tools',
  'documents',
  'chat_template',
  'add_generation_prompt',
  'continue_final_message',
  'tokenize',
  'padding',
  'truncation',
  'max_length',
  'return_tensors',
  'return_dict',
  'return_assistant_tokens_mask',
  'tokenizer_kwargs',
]);

/**
 * The body for `mlx_lm.server`, field by field: whatever is not named here does not reach it, above all not `model`,
 * `adapters` and `draft_model`, with which it would load other models, and no URL, which it would fetch itself.
 * `room`: tokens that an answer without `max_tokens` may have.
 */
export function encodeChat(request: ChatRequest, room: number): Uint8Array {
  const { messages, tools, chat_template_kwargs } = request;
  refuseReserved(chat_template_kwargs);
  return encode(request, room, {
    messages: messages.map(textual),
    ...(tools && { tools }),
    ...(chat_template_kwargs && { chat_template_kwargs }),
  });
}

export function refuseReserved(kwargs: ChatRequest['chat_template_kwargs'] = {}): void {
  const name = Object.keys(kwargs).find((one) => reserved.has(one));
  if (name === undefined) return;
  throw new Failure('invalid_request', `chat_template_kwargs.${name} is not a variable of the chat template`, {
    param: `chat_template_kwargs.${name}`,
  });
}

export function encodeCompletion(request: CompletionRequest, room: number): Uint8Array {
  if (typeof request.prompt !== 'string') {
    throw new Failure('invalid_request', 'this model takes the prompt as text, not as token ids', { param: 'prompt' });
  }
  return encode(request, room, { prompt: request.prompt });
}

function encode(sampling: Sampling, room: number, more: object): Uint8Array {
  const { temperature = 1, top_p, top_k, min_p, seed, presence_penalty, frequency_penalty } = sampling;
  const { repetition_penalty, logit_bias, max_tokens } = sampling;
  return Buffer.from(
    JSON.stringify({
      ...more,
      model: 'default_model',
      stream: true,
      stream_options: { include_usage: true },
      // Its own default is 0.
      temperature,
      top_p,
      top_k: top_k === undefined ? undefined : Math.max(top_k, 0),
      min_p,
      seed,
      presence_penalty,
      frequency_penalty,
      repetition_penalty,
      logit_bias,
      // Its own default is 512.
      max_tokens: Math.min(max_tokens ?? room, room),
    }),
  );
}

function textual({ role, content, name, tool_call_id, tool_calls, reasoning_content }: Message, index: number): object {
  return { role, content: textOf(content, index), name, tool_call_id, tool_calls, reasoning_content };
}

/** vLLM joins parts with a newline for templates that know strings only, and so does the core. */
function textOf(content: Message['content'], index: number): string {
  if (typeof content === 'string' || content === null) return content ?? '';
  return content
    .map((part) => {
      if (part.type === 'text') return part.text;
      throw new Failure('media_rejected', 'this model takes text only', { param: `messages.${index}.content` });
    })
    .join('\n');
}
