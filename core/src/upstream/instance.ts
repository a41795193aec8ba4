import {
  type Call,
  type ChatRequest,
  type CompletionRequest,
  type EmbedRequest,
  type EmbedResult,
  type Facts,
  type Health,
  type Instance,
  type Log,
  type RawRequest,
  type RelayTask,
  relayTasks,
  type Sink,
  type Tasks,
} from '../sdk/index.ts';
import { converse, inquire, type Question } from './converse.ts';
import { type UsageBody, usageOf } from './decode.ts';
import { discover } from './discover.ts';
import { encodeEmbedding, encodeGeneration } from './encode.ts';
import { estimatePromptTokens } from './estimate.ts';
import { Fleet } from './fleet.ts';
import type { UpstreamMetrics } from './metrics.ts';
import type { UpstreamOptions } from './options.ts';
import { showsUpload, withUpload } from './upload.ts';

/** What a plugin says of a model in front of upstreams. */
export interface UpstreamModel {
  /** The model's id here. */
  readonly id: string;
  readonly options: UpstreamOptions;
  readonly log: Log;
  readonly metrics: UpstreamMetrics;
  /** Tasks that are passed on; absent: all. */
  readonly tasks?: readonly RelayTask[];
  /** Absent: found out from the upstreams. */
  readonly contextLength?: number;
  /** Absent: whoever computes the answer decides. */
  readonly parameters?: readonly string[];
  /** Calls at a time; absent: as many as come. */
  readonly slots?: number;
}

/** How long loading waits for an upstream to say what it serves; they may come up later than we do. ms. */
const discoveryMs = 3_000;

/**
 * An instance in front of OpenAI-compatible servers: relays what may pass as it is, and reads and re-encodes where the
 * model's settings change the reply. It is ready when it stands, even if its upstreams do not: they come and go.
 */
export class UpstreamInstance implements Instance {
  readonly #model: UpstreamModel;
  readonly #fleet: Fleet;
  // Properties, since a method that is there is a task that is offered.
  readonly chat?: Tasks['chat'];
  readonly complete?: Tasks['complete'];
  readonly embed?: Tasks['embed'];

  constructor(model: UpstreamModel) {
    const { id, options, log, metrics, tasks = relayTasks } = model;
    const fleet = new Fleet(id, options, log, metrics.of(id));
    this.#model = model;
    this.#fleet = fleet;
    if (tasks.includes('chat')) {
      const ask = (request: ChatRequest, call: Call) =>
        converse(fleet, question('/v1/chat/completions', request), call);
      this.chat = (request, call) => (showsUpload(request) ? withUpload(request, call, ask) : ask(request, call));
    }
    if (tasks.includes('complete')) {
      this.complete = (request, call) => converse(fleet, question('/v1/completions', request), call);
    }
    if (tasks.includes('embed')) this.embed = (request, call) => this.#embed(request, call);
  }

  async load(signal: AbortSignal): Promise<Facts> {
    await this.#fleet.startProbing();
    const { tasks, contextLength, parameters, slots } = this.#model;
    const discovered = await this.#discover(signal);
    const length = contextLength ?? discovered;
    return {
      relays: tasks ?? relayTasks,
      // What an upstream reads as reasoning it says itself; what it leaves in the text is found there.
      dialect: 'think',
      parameters: parameters ?? 'any',
      modalities: ['text', 'image', 'video', 'audio'],
      slots: slots ?? Number.MAX_SAFE_INTEGER,
      ...(length !== undefined && { contextLength: length }),
      details: { upstreams: this.#fleet.upstreams.length },
    };
  }

  unload(): Promise<void> {
    return this.#fleet.close();
  }

  health(): Health {
    const { upstreams } = this.#fleet;
    const down = upstreams.filter(({ healthy, breaker }) => healthy === false || breaker.state() === 'open');
    if (down.length === 0) return { status: 'ready' };
    const which =
      down.length === upstreams.length
        ? 'no upstream answers'
        : `${down.map(({ title }) => title).join(', ')} of ${upstreams.length} do not answer`;
    return { status: 'degraded', reason: which };
  }

  forward(request: RawRequest, sink: Sink, call: Call): Promise<void> {
    return this.#fleet.forward(request, sink, call);
  }

  async #embed(request: EmbedRequest, call: Call): Promise<EmbedResult> {
    const asked: Question = {
      path: '/v1/embeddings',
      body: (model) => encodeEmbedding(request, model),
      key: undefined,
    };
    const { data, usage } = await inquire<EmbeddingList>(this.#fleet, asked, call);
    return { vectors: data.map(({ embedding }) => Float32Array.from(embedding)), usage: usageOf(usage ?? {}) };
  }

  /** Learns what the upstreams are; the context length they have in common. */
  async #discover(signal: AbortSignal): Promise<number | undefined> {
    const within = AbortSignal.any([signal, AbortSignal.timeout(discoveryMs)]);
    const { upstreams } = this.#fleet;
    const found = await Promise.all(
      upstreams.map((upstream) => discover(upstream, this.#fleet.nameAt(upstream), within)),
    );
    for (const [index, upstream] of upstreams.entries()) upstream.counting = found[index]?.counting === true;
    const lengths = found.flatMap((one) => one?.contextLength ?? []);
    // A call may go to any of them.
    return lengths.length > 0 ? Math.min(...lengths) : undefined;
  }
}

interface EmbeddingList {
  readonly data: readonly { readonly embedding: readonly number[] }[];
  readonly usage?: UsageBody;
}

function question(path: string, request: ChatRequest | CompletionRequest): Question {
  return {
    path,
    body: (model, counting) => encodeGeneration(request, model, counting),
    promptTokens: estimatePromptTokens(request),
    key: 'messages' in request ? JSON.stringify(request.messages.slice(0, 2)).slice(0, 1_024) : undefined,
  };
}
