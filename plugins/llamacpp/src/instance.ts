import type {
  Call,
  ChatRequest,
  CompletionRequest,
  Facts,
  Instance,
  InstanceHost,
  ModelSpec,
  Tasks,
} from '@backplane/core/sdk';
import type { LlamaContext } from 'node-llama-cpp';
import { Detokenizer } from './detokenizer.ts';
import { orderDraws } from './draws.ts';
import { Embedder } from './embedder.ts';
import { type Generation, generate, room } from './generation.ts';
import { Grammars } from './grammar.ts';
import { largestVocabulary } from './logprobs.ts';
import { type Model, openModel } from './model.ts';
import type { Options } from './options.ts';
import { ChatPrompts, completionTokens } from './prompt.ts';
import { dispatchSoon } from './rounds.ts';
import { Slots } from './slots.ts';

const sampling = [
  'temperature top_p top_k min_p seed presence_penalty frequency_penalty repetition_penalty logit_bias max_tokens',
].flatMap((names) => names.split(' '));

/** One GGUF model: its weights once, one context whose sequences are the slots. */
export class LlamacppInstance implements Instance {
  chat?: Tasks['chat'];
  complete?: Tasks['complete'];
  embed?: Tasks['embed'];
  readonly #spec: ModelSpec<Options>;
  readonly #host: InstanceHost;
  #loading: Promise<Facts> | undefined;
  #model: Model | undefined;
  #context: LlamaContext | undefined;
  #slots: Slots | undefined;
  #embedder: Embedder | undefined;

  constructor(spec: ModelSpec<Options>, host: InstanceHost) {
    this.#spec = spec;
    this.#host = host;
  }

  load(signal: AbortSignal): Promise<Facts> {
    this.#loading = this.#load(signal);
    return this.#loading;
  }

  async unload(): Promise<void> {
    await this.#loading?.catch(() => undefined);
    const steps = [
      () => this.#slots?.close(),
      () => this.#embedder?.close(),
      () => this.#context?.dispose(),
      () => this.#model?.weights.dispose(),
    ];
    for (const step of steps) {
      try {
        await step();
      } catch (error) {
        this.#host.log.warn({ error }, 'a part of the model could not be freed');
      }
    }
  }

  async #load(signal: AbortSignal): Promise<Facts> {
    const { options } = this.#spec;
    const model = await openModel(this.#spec, this.#host.log, signal);
    this.#model = model;
    const prompts = await ChatPrompts.of(model, this.#spec);
    this.#context = await model.weights.createContext({
      contextSize: model.contextSize,
      sequences: options.slots,
      threads: model.threads,
      flashAttention: model.flashAttention,
      batching: { dispatchSchedule: dispatchSoon },
      createSignal: signal,
      ...(options.batch_size !== undefined && { batchSize: options.batch_size }),
    });
    orderDraws(this.#context);
    const slots = new Slots(this.#context, options.slots);
    this.#slots = slots;
    const dialect = prompts?.dialect ?? 'plain';
    const text = new Detokenizer(model.weights, dialect);
    const run = (prepare: () => Generation | Promise<Generation>, call: Call) =>
      generate(prepare, model, slots, text, call.signal);
    if (prompts !== undefined) {
      const grammars = new Grammars(model.llama, dialect);
      this.chat = (request, call) => run(() => chat(request, model, prompts, grammars), call);
    }
    this.complete = (request, call) => run(() => completion(request, model), call);
    if (options.embeddings) {
      const embedder = await Embedder.open(model, options.batch_size, signal);
      this.#embedder = embedder;
      this.embed = (request, call) => embedder.embed(request, call);
    }
    const tools = dialect === 'qwen3' || dialect === 'hermes';
    return {
      contextLength: model.contextSize,
      slots: options.slots,
      modalities: ['text'],
      dialect,
      parameters: [
        ...sampling,
        ...(model.vocabulary <= largestVocabulary ? ['logprobs', 'top_logprobs'] : []),
        ...(prompts === undefined ? [] : ['response_format', 'chat_template_kwargs']),
        ...(tools ? ['tools', 'tool_choice'] : []),
      ],
      details: model.details,
    };
  }
}

async function chat(request: ChatRequest, model: Model, prompts: ChatPrompts, grammars: Grammars): Promise<Generation> {
  const { tokens, reasoning } = prompts.chat(request);
  const generation: Generation = {
    prompt: tokens,
    sampling: request,
    reasoning: reasoning === 'open',
    param: 'messages',
  };
  // Before the grammar: compiling one for a prompt that does not fit would be wasted.
  room(generation, model.contextSize);
  return { ...generation, grammar: await grammars.for(request, reasoning) };
}

function completion(request: CompletionRequest, model: Model): Generation {
  return { prompt: completionTokens(request, model), sampling: request, param: 'prompt' };
}
