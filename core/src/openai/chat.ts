import { type ChatRequest, Failure, type Message, type Part, type Tool } from '../sdk/index.ts';
import { ChatEncoder } from './chat-encoder.ts';
import { chatFields, chatSchema } from './chat-schema.ts';
import { type Generation, seedOf } from './generation.ts';
import { readParameters } from './parameters.ts';
import { extraOf, maxTokens, samplingOf } from './sampling.ts';
import type { Target } from './target.ts';
import { validate } from './validate.ts';

type ChatBody = ReturnType<typeof validate<typeof chatSchema>>;

/** Reads the body of `POST /v1/chat/completions`. Throws `invalid_request` and `unsupported_parameter`. */
export function readChat(sent: Readonly<Record<string, unknown>>, target: Target): Generation {
  const { body: merged, ignored } = readParameters(sent, target);
  const body = validate(chatSchema, merged);
  const messages = (body.messages as readonly Message[]).map(withVideoUrls);
  checkModalities(messages, target);
  if (body.top_logprobs && !body.logprobs) {
    throw new Failure('invalid_request', 'top_logprobs needs logprobs: true.', { param: 'top_logprobs' });
  }
  const tools = readTools(body);
  const max_tokens = maxTokens(body);
  const kwargs = templateVariables(body);
  const { response_format: format } = body;
  const request: ChatRequest = {
    ...samplingOf(body as never),
    ...(max_tokens !== undefined && { max_tokens }),
    model: target.name,
    messages: messages.map(withoutNulls),
    ...tools,
    ...(format && format.type !== 'text' && { response_format: format as NonNullable<ChatRequest['response_format']> }),
    ...(kwargs && { chat_template_kwargs: kwargs }),
    extra: extraOf(body, chatFields),
  };
  return {
    task: 'chat',
    requests: Array.from({ length: body.n }, (_, choice) => ({ ...request, ...seedOf(body.seed, choice) })),
    choicesPerPrompt: body.n,
    finishing: {
      ...(target.dialect && { dialect: target.dialect }),
      reasoning: target.reasoning === 'as-is' ? 'raw' : target.reasoning,
      tools: tools.tools !== undefined,
      stop: body.stop,
      parallelToolCalls: body.parallel_tool_calls,
    },
    stream: body.stream,
    includeUsage: body.stream_options?.include_usage === true,
    ignored,
    encoder: new ChatEncoder(target.name, {
      logprobs: body.logprobs === true,
      usage: body.stream_options?.include_usage === true,
    }),
  };
}

function readTools(body: ChatBody): Pick<ChatRequest, 'tools' | 'tool_choice'> {
  const { tools, tool_choice: choice } = body;
  if (!tools || tools.length === 0) {
    if (choice === undefined || choice === 'none' || choice === 'auto') return {};
    throw new Failure('invalid_request', 'tool_choice asks for a tool, but the request has no tools.', {
      param: 'tool_choice',
    });
  }
  if (choice === 'none') return {};
  if (typeof choice === 'object' && !tools.some((tool) => tool.function.name === choice.function.name)) {
    throw new Failure(
      'invalid_request',
      `tool_choice names the function ${choice.function.name.slice(0, 128)}, which is not among tools.`,
      {
        param: 'tool_choice',
      },
    );
  }
  return {
    tools: tools as readonly Tool[],
    ...(choice !== undefined &&
      choice !== 'auto' && { tool_choice: choice as NonNullable<ChatRequest['tool_choice']> }),
  };
}

/** `enable_thinking` may stand at the top level or among the template's variables; the latter wins, as in vLLM's own form. */
function templateVariables(body: ChatBody): Record<string, unknown> | undefined {
  const { enable_thinking, chat_template_kwargs } = body;
  if (enable_thinking === undefined) return chat_template_kwargs;
  return { enable_thinking, ...chat_template_kwargs };
}

const modalityOf: Readonly<Record<Part['type'], Target['modalities'][number]>> = {
  text: 'text',
  image_url: 'image',
  video_url: 'video',
  input_audio: 'audio',
};

function checkModalities(messages: readonly Message[], target: Target): void {
  messages.forEach(({ content }, m) => {
    if (!Array.isArray(content)) return;
    (content as readonly Part[]).forEach((part, p) => {
      const modality = modalityOf[part.type];
      // A video may come as image_url: only its content tells.
      const taken =
        modality === 'image'
          ? target.modalities.some((m) => m === 'image' || m === 'video')
          : target.modalities.includes(modality);
      if (modality === 'text' || taken) return;
      throw new Failure('invalid_request', `${target.name} does not take ${modality} input.`, {
        param: `messages[${m}].content[${p}]`,
      });
    });
  });
}

interface InputVideo {
  readonly type: 'input_video';
  readonly input_video: { readonly data: string; readonly format?: string };
}

/** `input_video`, like `input_audio`, holds the bytes themselves, or a `data:` URL of them: for backends, it is a URL. */
function withVideoUrls(message: Message): Message {
  const { content } = message;
  if (!Array.isArray(content)) return message;
  const parts = (content as readonly (Part | InputVideo)[]).map((part): Part => {
    if (part.type !== 'input_video') return part;
    const { data, format = 'mp4' } = part.input_video;
    const url = data.startsWith('data:') ? data : `data:video/${encodeURIComponent(format)};base64,${data}`;
    return { type: 'video_url', video_url: { url } };
  });
  return { ...message, content: parts };
}

/** Clients echo replies back as they got them, with `tool_calls: null` and the like. */
function withoutNulls(message: Message): Message {
  const kept: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(message)) if (value !== null && value !== undefined) kept[key] = value;
  return { content: null, ...kept } as Message;
}
