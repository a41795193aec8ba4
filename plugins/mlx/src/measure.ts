import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ChatRequest, type CompletionRequest, Failure, type Log, type Message } from '@backplane/core/sdk';
import { type ChatTemplate, compileTemplate } from '@backplane/core/text';
import type { Tokenizer } from '@huggingface/tokenizers';

/** What a chat template may add to the messages by itself, in bytes; none known adds half of it. */
const templateBytes = 4_096;
/** Texts are counted in pieces of so many characters, until it is known that they are too long: counting holds up the server. */
const pieceLength = 16_384;
/** Tokens by which a count in pieces may be above that of the whole, per piece. */
const cutTokens = 8;

/** Tokens of a text; `atLeast`: it has more, which nobody needs to know. */
export interface Length {
  readonly tokens: number;
  readonly atLeast: boolean;
}

interface TokenizerConfig {
  readonly chat_template?: unknown;
  readonly bos_token?: unknown;
  readonly eos_token?: unknown;
}

/** What is known of the model. */
export interface Measured {
  /** Absent: its files are not at hand. */
  readonly folder?: string | undefined;
  /** Tokens of prompt and answer together; absent: nobody says. */
  readonly contextLength?: number | undefined;
  /** The text of a chat template that stands in for the model's. */
  readonly template?: string | undefined;
  readonly log?: Log;
}

/**
 * How long prompts are. The servers have no limit and no way to ask, so the model's own tokenizer is read here, when a
 * prompt first comes that may be too long: no token is shorter than a byte, so most prompts need no counting.
 */
export class Measure {
  readonly #model: Measured;
  #reading: Promise<Reader | undefined> | undefined;

  constructor(model: Measured) {
    this.#model = model;
  }

  get contextLength(): number | undefined {
    return this.#model.contextLength;
  }

  /** Tokens that an answer may have. Throws `context_length_exceeded` with the numbers. */
  async room(request: ChatRequest | CompletionRequest): Promise<number | undefined> {
    const { contextLength } = this;
    if (contextLength === undefined || surelyFits(request, contextLength)) return contextLength;
    const length = await this.#lengthOf(request, contextLength);
    if (length === undefined) return contextLength;
    const param = 'prompt' in request ? 'prompt' : 'messages';
    const { tokens } = length;
    const left = contextLength - tokens;
    const { max_tokens } = request;
    if (left > 0 && (max_tokens === undefined || max_tokens <= left)) return left;
    throw new Failure(
      'context_length_exceeded',
      left <= 0
        ? `This model's context is ${contextLength} tokens, but the prompt alone has ${told(length)}: shorten the ${param}`
        : `This model's context is ${contextLength} tokens, but the prompt has ${tokens} and max_tokens asks for ` +
            `${max_tokens} more (${tokens + (max_tokens as number)} together): shorten the ${param} or lower max_tokens`,
      { param },
    );
  }

  /**
   * Tokens of a text by itself, with those that the model puts around it, as far as they are not more than `limit`;
   * undefined where its tokenizer cannot be read.
   */
  async length(text: string, limit: number): Promise<Length | undefined> {
    const reader = await this.#reader();
    return reader && count(reader.tokenizer, text, limit, true);
  }

  /** What the model's chat template has against a request that the server failed at; it does not say whose fault that was. */
  async refusal(request: ChatRequest | CompletionRequest): Promise<Failure | undefined> {
    const reader = await this.#reader();
    if ('prompt' in request || !reader?.template) return undefined;
    try {
      render(reader.template, request);
      return undefined;
    } catch (thrown) {
      return thrown instanceof Failure ? thrown : undefined;
    }
  }

  async #lengthOf(request: ChatRequest | CompletionRequest, limit: number): Promise<Length | undefined> {
    const reader = await this.#reader();
    if (!reader) return undefined;
    if ('prompt' in request) {
      const { prompt } = request;
      if (typeof prompt !== 'string') return { tokens: prompt.length, atLeast: false };
      return count(reader.tokenizer, prompt, limit, true);
    }
    try {
      const text = reader.template && render(reader.template, request);
      return text === undefined ? undefined : count(reader.tokenizer, text, limit, false);
    } catch {
      // What is wrong with the request, the server says better.
      return undefined;
    }
  }

  #reader(): Promise<Reader | undefined> {
    this.#reading ??= this.#read();
    return this.#reading;
  }

  async #read(): Promise<Reader | undefined> {
    const { folder, template, log } = this.#model;
    if (folder === undefined) return undefined;
    try {
      return await read(folder, template);
    } catch (thrown) {
      const reason = thrown instanceof Error ? thrown.message : String(thrown);
      log?.warn(
        { folder, reason },
        'The tokenizer of this model cannot be read: a prompt that is too long for it is not refused here',
      );
      return undefined;
    }
  }
}

interface Reader {
  readonly tokenizer: Tokenizer;
  readonly template: ChatTemplate | undefined;
}

/** As exact as the model's own count, where that is about `limit` or less. */
function count(tokenizer: Tokenizer, text: string, limit: number, special: boolean): Length {
  const of = (piece: string): number => tokenizer.encode(piece, { add_special_tokens: special }).ids.length;
  let tokens = 0;
  let pieces = 0;
  for (let at = 0; at < text.length && text.length > pieceLength; at += pieceLength) {
    tokens += of(text.slice(at, at + pieceLength));
    if (tokens - ++pieces * cutTokens > limit) return { tokens: tokens - pieces * cutTokens, atLeast: true };
  }
  return { tokens: of(text), atLeast: false };
}

/** For sentences. */
export function told({ tokens, atLeast }: Length): string {
  return atLeast ? `at least ${tokens}` : String(tokens);
}

function render(template: ChatTemplate, { messages, tools, chat_template_kwargs: kwargs }: ChatRequest): string {
  return template.render({ messages: messages.map(written), tools, kwargs });
}

/** Throws for what is not there or not understood. */
async function read(folder: string, own: string | undefined): Promise<Reader> {
  const text = (name: string): Promise<string> => readFile(join(folder, name), 'utf8');
  const config = JSON.parse(await text('tokenizer_config.json').catch(() => '{}')) as TokenizerConfig;
  const { Tokenizer } = await import('@huggingface/tokenizers');
  const tokenizer = new Tokenizer(JSON.parse(await text('tokenizer.json')) as object, config);
  const { chat_template, bos_token, eos_token } = config;
  const source = own ?? (await text('chat_template.jinja').catch(() => undefined)) ?? chat_template;
  const tokens = { bos: contentOf(bos_token), eos: contentOf(eos_token) };
  return { tokenizer, template: typeof source === 'string' ? compileTemplate(source, tokens) : undefined };
}

/** A special token stands there as text, or as an object with it. */
function contentOf(token: unknown): string {
  const content = typeof token === 'object' && token !== null && 'content' in token ? token.content : token;
  return typeof content === 'string' ? content : '';
}

/** Images count what their part's name does: how many tokens they become, the server knows. */
function written({ content, ...message }: Message): Message {
  if (typeof content === 'string' || content === null) return { ...message, content };
  return { ...message, content: content.filter(({ type }) => type === 'text') };
}

function surelyFits(request: ChatRequest | CompletionRequest, contextLength: number): boolean {
  const { max_tokens = 0 } = request;
  if ('prompt' in request) {
    const { prompt } = request;
    const most = typeof prompt === 'string' ? Buffer.byteLength(prompt) + 2 : prompt.length;
    return most + max_tokens < contextLength;
  }
  const { messages, tools = [], chat_template_kwargs = {} } = request;
  const text = JSON.stringify([messages.map(written), tools, chat_template_kwargs]);
  return Buffer.byteLength(text) + templateBytes + max_tokens < contextLength;
}
