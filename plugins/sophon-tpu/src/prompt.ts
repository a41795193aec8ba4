import {
  type CompletionRequest,
  Failure,
  type Message,
  type Part,
  type Tool,
  type ToolCall,
} from '@backplane/core/sdk';
import { type ChatTemplate, opensReasoning, type TemplateMessage } from '@backplane/core/text';
import { mropePositions, type Positions, type VisionSpan } from './mrope.ts';
import { PromptWriter } from './prompt-writer.ts';
import { SafeText } from './safe-text.ts';
import { splitter, type Tokenizer } from './tokenizer.ts';
import type { PatchGrid } from './vision-positions.ts';

/** A picture or video of the request. Its content decides which, not the type of the part. */
export type Medium =
  | { readonly kind: 'image'; readonly grid: PatchGrid }
  /** `seconds`: the time of each pair of frames, as `pairSeconds` gives it. */
  | { readonly kind: 'video'; readonly grid: PatchGrid; readonly seconds: readonly number[] };

/**
 * How a video is written. `4.57`: per pair of frames `<1.6 seconds><|vision_start|>...<|vision_end|>`, which is what
 * the vendor's pipeline makes; `5`: the same inside one more pair of vision tokens, as transformers has it from 5.10.
 */
export type VideoLayout = '4.57' | '5';

export interface PromptOptions {
  /** Default `4.57`. */
  readonly videoLayout?: VideoLayout;
  /** Default true: a control token that the caller spells out stays text. False: as the reference does it. */
  readonly escapeSpecialTokens?: boolean;
}

export interface ChatInput {
  readonly messages: readonly Message[];
  readonly tools?: readonly Tool[] | undefined;
  readonly kwargs?: Readonly<Record<string, unknown>> | undefined;
  /** Default true. */
  readonly addGenerationPrompt?: boolean | undefined;
  /** One for each image and video part, in their order. */
  readonly media?: readonly Medium[] | undefined;
  /** What the model takes: a text that must have more is refused before it costs time. Absent: any. */
  readonly maxTokens?: number | undefined;
}

/** Where one picture or one pair of frames stands among the tokens. */
export interface PromptSpan extends VisionSpan {
  /** Index of the picture or video in `media`. */
  readonly medium: number;
  /** Index of the pair of frames; 0 for a picture. */
  readonly pair: number;
}

export interface Prompt {
  readonly ids: Int32Array<ArrayBuffer>;
  /** Ascending. */
  readonly spans: readonly PromptSpan[];
  readonly positions: Positions;
  /** Whether the answer begins inside the reasoning block. */
  readonly reasoning: boolean;
}

/** Token ids of config.json. */
export interface VisionTokens {
  readonly image: number;
  readonly video: number;
  readonly start: number;
  readonly end: number;
}

/** What prompts are made with; a `ModelConfig` is one. */
export interface PromptParts {
  readonly tokenizer: Tokenizer;
  readonly chatTemplate: ChatTemplate;
  readonly visionTokens: VisionTokens;
  /** Ids are 0 to vocabulary - 1. */
  readonly vocabulary: number;
}

/** Makes one model's prompts: messages to token ids, with room for the vision tokens, and their positions. */
export class Prompts {
  readonly #parts: PromptParts;
  readonly #layout: VideoLayout;
  readonly #safe: SafeText | undefined;
  readonly #control: RegExp;

  constructor(parts: PromptParts, { videoLayout = '4.57', escapeSpecialTokens = true }: PromptOptions = {}) {
    const { special } = parts.tokenizer;
    this.#parts = parts;
    this.#layout = videoLayout;
    this.#safe = escapeSpecialTokens ? new SafeText(special) : undefined;
    this.#control = splitter(special) ?? /((?!))/;
  }

  /**
   * Throws `invalid_request` for what the template refuses, and for pictures that it does not write, and
   * `context_length_exceeded` for a text that is far beyond `maxTokens`; a little beyond it is for the caller to see.
   */
  chat(input: ChatInput): Prompt {
    const media = input.media ?? [];
    const text = this.#render(input, media);
    this.#checkLength(text, input.maxTokens, 'messages');
    const pieces = text.split(this.#control);
    const writer = new PromptWriter(this.#parts, media, this.#layout);
    for (let at = 0; at < pieces.length; at++) {
      const piece = pieces[at] as string;
      if (at % 2 === 0) writer.text(this.#safe ? this.#safe.unmark(piece) : piece);
      else at += writer.control(pieces, at);
    }
    return { ...writer.end(), reasoning: opensReasoning(text) };
  }

  /**
   * The tokens of a plain completion, which may spell out control tokens. Throws `invalid_request` for unknown ids, and
   * `context_length_exceeded` as `chat` does.
   */
  complete(prompt: CompletionRequest['prompt'], maxTokens?: number): Prompt {
    const { tokenizer, vocabulary } = this.#parts;
    if (typeof prompt === 'string') this.#checkLength(prompt, maxTokens, 'prompt');
    const list = typeof prompt === 'string' ? tokenizer.encode(prompt) : prompt;
    const odd = list.find((id) => !(Number.isInteger(id) && id >= 0 && id < vocabulary));
    if (odd !== undefined) {
      const message = `The prompt has the token ${odd}, but this model's tokens are 0 to ${vocabulary - 1}.`;
      throw new Failure('invalid_request', message, { param: 'prompt' });
    }
    const ids = Int32Array.from(list);
    return { ids, spans: [], positions: mropePositions(ids.length, []), reasoning: false };
  }

  /** Tokens take 4 µs per character to find: megabytes would hold up everyone for an answer that is known. */
  #checkLength(text: string, maxTokens: number | undefined, param: string): void {
    // Unicode's composed form, which is what is tokenized, has at least a byte for two UTF-16 units of any other.
    const least = Math.ceil(text.length / 2 / this.#parts.tokenizer.longest);
    if (maxTokens === undefined || least <= maxTokens) return;
    const message =
      `This model takes prompts of at most ${maxTokens} tokens, and a text of ${text.length} characters has more: ` +
      `shorten the ${param}.`;
    throw new Failure('context_length_exceeded', message, { param });
  }

  #render(input: ChatInput, media: readonly Medium[]): string {
    const kinds = media.map(({ kind }) => kind).values();
    const messages = input.messages.map((message, index) => templateMessage(message, index, kinds));
    const mark = <T>(value: T): T => (this.#safe ? this.#safe.mark(value) : value);
    return this.#parts.chatTemplate.render({
      messages: mark(messages),
      tools: mark(input.tools),
      kwargs: mark(input.kwargs),
      addGenerationPrompt: input.addGenerationPrompt,
    });
  }
}

/** In the form that the template reads: pictures by what they are, arguments in one spelling. */
function templateMessage(message: Message, index: number, kinds: Iterator<Medium['kind']>): TemplateMessage {
  const { content, tool_calls: calls } = message;
  return {
    ...message,
    content:
      content === null || typeof content === 'string' ? content : content.map((part) => place(part, index, kinds)),
    ...(calls && { tool_calls: calls.map((call) => ({ ...call, function: { ...call.function, ...spelled(call) } })) }),
  };
}

function place(part: Part, index: number, kinds: Iterator<Medium['kind']>): { type: string } {
  if (part.type === 'text') return { type: 'text', text: part.text } as { type: string };
  if (part.type !== 'input_audio') {
    const kind = kinds.next().value;
    if (kind !== undefined) return { type: kind };
    throw new Failure('internal', 'The request has more pictures than were prepared for its prompt: this is a bug.');
  }
  const message = `This model sees pictures and videos and hears nothing, and message ${index} has a part "input_audio".`;
  throw new Failure('invalid_request', message, { param: `messages.${index}.content` });
}

/** JSON can spell one text in many ways (`\u003c`); what is looked for in it must have one. */
function spelled({ function: { arguments: text } }: ToolCall): { arguments: string } {
  try {
    return { arguments: JSON.stringify(JSON.parse(text)) };
  } catch {
    return { arguments: text };
  }
}
