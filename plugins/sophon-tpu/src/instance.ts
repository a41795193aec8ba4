import type {
  Call,
  ChatEvent,
  ChatRequest,
  CompletionRequest,
  DeviceReadings,
  Facts,
  Health,
  Instance,
  InstanceHost,
  ModelSpec,
} from '@backplane/core/sdk';
import { generate } from './generation.ts';
import { type MediaLimits, prepareMedia } from './media.ts';
import { Model } from './model.ts';
import type { DeviceStat } from './native.ts';
import type { Options } from './options.ts';
import { leastPixels } from './smart-resize.ts';

/** What a head with logits lets a caller say; one without gives the likeliest token and nothing else. */
const drawing = [
  'temperature top_p top_k min_p seed presence_penalty frequency_penalty repetition_penalty logit_bias',
  'logprobs top_logprobs',
].flatMap((names) => names.split(' '));

/** One Qwen3-VL on one chip: its own memory there, one call at a time, in the thread that it blocks while it computes. */
export class SophonInstance implements Instance {
  readonly ended: Promise<string>;
  readonly #spec: ModelSpec<Options>;
  readonly #host: InstanceHost;
  readonly #end: (reason: string) => void;
  #loading: Promise<Model> | undefined;
  #model: Model | undefined;

  constructor(spec: ModelSpec<Options>, host: InstanceHost) {
    const ended = Promise.withResolvers<string>();
    this.ended = ended.promise;
    this.#end = ended.resolve;
    this.#spec = spec;
    this.#host = host;
  }

  async load(signal: AbortSignal): Promise<Facts> {
    this.#loading = Model.open(this.#spec, signal);
    const model = await this.#loading;
    this.#model = model;
    void model.broken.then((reason) => this.#end(reason));
    return facts(model);
  }

  async unload(): Promise<void> {
    try {
      (await this.#loading)?.close();
    } catch (error) {
      this.#host.log.warn({ error }, 'the model was not open, or could not be closed');
    }
  }

  health(): Health {
    const reason = this.#model?.lost();
    if (reason !== undefined) return { status: 'failed', reason };
    const stat = this.#model?.stat();
    return { status: 'ready', ...(stat && { readings: readings(this.#spec.options.device, stat) }) };
  }

  async *chat(request: ChatRequest, call: Call): AsyncGenerator<ChatEvent, void, void> {
    const model = this.#model as Model;
    const media = await prepareMedia(request.messages, mediaLimits(model, this.#spec.options), call);
    const prompt = model.prompts.chat({
      messages: request.messages,
      tools: request.tools,
      kwargs: request.chat_template_kwargs,
      media: media.map(({ medium }) => medium),
      maxTokens: model.layout.maxPrompt,
    });
    yield* generate(model, { prompt, media, sampling: request, param: 'messages' }, call);
  }

  async *complete(request: CompletionRequest, call: Call): AsyncGenerator<ChatEvent, void, void> {
    const model = this.#model as Model;
    const prompt = model.prompts.complete(request.prompt, model.layout.maxPrompt);
    yield* generate(model, { prompt, media: [], sampling: request, param: 'prompt' }, call);
  }
}

/** In the units of metrics. */
function readings(device: number, stat: DeviceStat): DeviceReadings {
  const scaled = {
    memoryTotalBytes: [stat.memoryTotalMB, 2 ** 20],
    memoryUsedBytes: [stat.memoryUsedMB, 2 ** 20],
    utilization: [stat.utilizationPercent, 0.01],
    chipCelsius: [stat.chipCelsius, 1],
    boardCelsius: [stat.boardCelsius, 1],
    watts: [stat.tpuWatts, 1],
  } as const;
  const said = Object.entries(scaled).flatMap(([name, [value, unit]]) =>
    value === undefined ? [] : [[name, value * unit] as const],
  );
  return { device: String(device), ...Object.fromEntries(said) };
}

function mediaLimits({ config, layout, patches }: Model, options: Options): MediaLimits {
  const taken = (layout.sight?.maxPatches ?? 0) * pixelsOfPatch;
  const maxPixels = Math.min(config.pixels.maxPixels, taken, options.max_pixels ?? taken);
  return {
    options,
    budget: { minPixels: Math.min(leastPixels, maxPixels), maxPixels },
    maxPrompt: layout.maxPrompt,
    tableSide: config.tableSide,
    patches,
  };
}

const pixelsOfPatch = 16 * 16;

function facts({ config, layout, file }: Model): Facts {
  const tools = config.dialect === 'qwen3' || config.dialect === 'hermes';
  return {
    contextLength: layout.sequence,
    slots: 1,
    modalities: layout.sight ? ['text', 'image', 'video'] : ['text'],
    dialect: config.dialect,
    parameters: [
      'max_tokens',
      'chat_template_kwargs',
      ...(layout.head === 'logits' ? drawing : []),
      ...(tools ? ['tools'] : []),
    ],
    details: {
      file,
      chip: 'BM1684X',
      max_prompt_tokens: layout.maxPrompt,
      history: layout.blocksWithPast !== undefined,
      dynamic: layout.dynamic,
      ...(layout.sight && { max_pixels: layout.sight.maxPatches * pixelsOfPatch }),
    },
  };
}
