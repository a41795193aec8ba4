import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type ChatRequest, type CompletionRequest, type Dialect, Failure, type ModelSpec } from '@backplane/core/sdk';
import { type ChatTemplate, compileTemplate, describeTemplate, opensReasoning } from '@backplane/core/text';
import type { Token } from 'node-llama-cpp';
import type { Reasoning } from './grammar.ts';
import type { Model } from './model.ts';
import type { Options } from './options.ts';

export interface ChatPrompt {
  readonly tokens: Token[];
  readonly reasoning: Reasoning;
}

/** The model's chat template and the way from requests to tokens. */
export class ChatPrompts {
  readonly dialect: Dialect;
  readonly #model: Model;
  readonly #template: ChatTemplate;

  constructor(model: Model, source: string) {
    const { bosString, eosString } = model.weights.tokens;
    this.dialect = describeTemplate(source).dialect;
    this.#model = model;
    this.#template = compileTemplate(source, {
      ...(bosString !== null && { bos: bosString }),
      ...(eosString !== null && { eos: eosString }),
    });
  }

  /** undefined for a model without a template: it completes text and does not chat. */
  static async of(model: Model, spec: ModelSpec<Options>): Promise<ChatPrompts | undefined> {
    const path = spec.options.chat_template;
    const source =
      path === undefined ? model.weights.fileInfo.metadata.tokenizer.chat_template : await read(spec, path);
    return source === undefined ? undefined : new ChatPrompts(model, source);
  }

  chat(request: ChatRequest): ChatPrompt {
    const text = this.#template.render({
      messages: request.messages,
      tools: request.tools,
      kwargs: request.chat_template_kwargs,
    });
    const { weights } = this.#model;
    const tokens = weights.tokenize(text, true);
    return { tokens: withBos(tokens, this.#model), reasoning: this.#reasoning(text) };
  }

  #reasoning(prompt: string): Reasoning {
    if (opensReasoning(prompt)) return 'open';
    const thinks = this.dialect === 'qwen3' || this.dialect === 'think';
    return thinks && !prompt.trimEnd().endsWith('</think>') ? 'possible' : 'closed';
  }
}

/** The tokens of a plain completion. Throws 400 for ids that the vocabulary does not have. */
export function completionTokens(request: CompletionRequest, model: Model): Token[] {
  const { prompt } = request;
  const tokens =
    typeof prompt === 'string'
      ? withBos(model.weights.tokenize(prompt, true), model)
      : checkTokens(prompt, model, 'prompt');
  if (tokens.length > 0) return tokens;
  throw new Failure('invalid_request', 'The prompt is empty, and this model has no token that begins a text', {
    param: 'prompt',
  });
}

export function checkTokens(ids: readonly number[], model: Model, param: string): Token[] {
  const odd = ids.find((id) => !Number.isInteger(id) || id < 0 || id >= model.vocabulary);
  if (odd === undefined) return [...ids] as Token[];
  const message = `${param} has the token ${odd}, but this model's tokens are 0 to ${model.vocabulary - 1}`;
  throw new Failure('invalid_request', message, { param });
}

/** Templates often write the token themselves; it must not stand there twice. */
function withBos(tokens: Token[], { weights }: Model): Token[] {
  const { bos, shouldPrependBosToken } = weights.tokens;
  return shouldPrependBosToken && bos !== null && tokens[0] !== bos ? [bos, ...tokens] : tokens;
}

async function read(spec: ModelSpec<Options>, path: string): Promise<string> {
  return readFile(resolve(spec.directory, path), 'utf8').catch((error: unknown) => {
    throw new Failure('backend_failed', `The chat template ${path} cannot be read: check chat_template of ${spec.id}`, {
      cause: error,
    });
  });
}
