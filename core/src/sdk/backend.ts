import type { z } from 'zod';
import type { ChatEvent, ChatRequest, CompletionRequest } from './chat.ts';
import type { EmbedRequest, EmbedResult } from './embed.ts';
import type { Media } from './media.ts';
import type { Log } from './observe.ts';
import type { Relay, RelayTask } from './relay.ts';
import type { Granularity, TranscribeRequest, Transcript } from './transcribe.ts';

/** One request as a backend sees it: who, until when, and where to report. */
export interface Call {
  /** The `x-request-id` of the client's request. */
  readonly id: string;
  /** Aborts on client disconnect, deadline, a matched stop string or shutdown. A backend must stop computing. */
  readonly signal: AbortSignal;
  /**
   * In a thread only: one number, not 0 once `signal` has been aborted on the other side. A thread that computes in one long
   * native call gets no message and sees no `signal` meanwhile, but its native code can look here.
   */
  readonly cancelled?: Int32Array;
  readonly log: Log;
  /** Fetches and checks a URL from the request through the media loaders the operator allowed. Throws `media_rejected`. */
  media(url: string): Promise<Media>;
  /**
   * For backends that ask others: takes back all output so far. True when the client was told none of it; then the answer
   * may be given again from its beginning. Absent where nobody can know.
   */
  retract?(): boolean;
}

/** What a model can do. A backend implements the tasks it has: the methods present ARE its capabilities. */
export interface Tasks {
  chat(request: ChatRequest, call: Call): AsyncIterable<ChatEvent>;
  complete(request: CompletionRequest, call: Call): AsyncIterable<ChatEvent>;
  embed(request: EmbedRequest, call: Call): Promise<EmbedResult>;
  transcribe(request: TranscribeRequest, call: Call): Promise<Transcript>;
}
export type Task = keyof Tasks;
export const tasks = ['chat', 'complete', 'embed', 'transcribe'] as const satisfies readonly Task[];
/** Tasks whose answer is a stream of events; the others answer at once. */
export type TextTask = 'chat' | 'complete';

/**
 * One running copy of a model. The core calls `load` once, then tasks (at most `slots` at a time), then `unload` once,
 * and never `load` again: a restart is a new instance.
 */
export interface Instance extends Partial<Tasks>, Partial<Relay> {
  /** Resolves when the first request would succeed. Rejecting makes the instance failed, not the server. */
  load(signal: AbortSignal): Promise<Facts>;
  /** Every call has ended or been aborted before. Finishes within the grace period or is abandoned; must not throw. */
  unload(): Promise<void>;
  /** Cheap; asked every few seconds. Absent: ready for as long as it lives. */
  health?(): Health | Promise<Health>;
  /**
   * Resolves, with a sentence, when it has died after `load` without being asked to: the core replaces it at once, and not
   * at the next question after its health. Absent: it cannot die apart from where it runs.
   */
  readonly ended?: Promise<string>;
}

export type Modality = 'text' | 'image' | 'video' | 'audio';

/** What is known of a model once it is loaded. */
export interface Facts {
  /** Tokens of prompt and answer together that one call may use. */
  readonly contextLength?: number;
  /** Absent: text only. */
  readonly modalities?: readonly Modality[];
  /** Calls that one instance runs at once; absent: 1. */
  readonly slots?: number;
  /**
   * Tasks that `forward` serves byte by byte. A model whose replies must change (its `reasoning` is not `as-is`) is asked
   * through its task methods instead, where it has them.
   */
  readonly relays?: readonly RelayTask[];
  /**
   * OpenAI's names of the request parameters that this model honours. What the core does for every model needs no
   * mention: `stream`, `stream_options`, `n`, `stop`, `parallel_tool_calls`. The rest is refused with 400, or ignored and named, as the operator says.
   * `any`: whoever computes the answer decides.
   */
  readonly parameters?: readonly string[] | 'any';
  /** How this model writes reasoning and tool calls into its text; absent: the backend yields the finer events itself. */
  readonly dialect?: Dialect;
  /** What its transcripts can be timed by; absent: they are text alone. */
  readonly timings?: readonly Granularity[];
  /** Shown in `GET /v1/models/{id}`: file name, quantisation, device. No paths, no secrets. */
  readonly details?: Readonly<Record<string, string | number | boolean>>;
}

/**
 * `qwen3`: `<think>` and `<tool_call>` with JSON inside. `think`: reasoning only. `hermes`: `<tool_call>` only.
 * `plain`: neither.
 */
export const dialects = ['qwen3', 'think', 'hermes', 'plain'] as const;
export type Dialect = (typeof dialects)[number];

export type Health = (
  | { readonly status: 'ready' }
  | { readonly status: 'degraded' | 'failed'; readonly reason: string }
) & {
  /** Of the device it runs on, for metrics. */
  readonly readings?: DeviceReadings;
};

/** What an accelerator says of itself; what it does not say is absent. */
export interface DeviceReadings {
  /** Its name, the same for all instances on it: a label of metrics. */
  readonly device: string;
  readonly memoryTotalBytes?: number;
  readonly memoryUsedBytes?: number;
  /** 0 to 1. */
  readonly utilization?: number;
  readonly chipCelsius?: number;
  readonly boardCelsius?: number;
  readonly watts?: number;
}

/** What config.yaml says of one model, checked. */
export interface ModelSpec<Options> {
  readonly id: string;
  readonly options: Options;
  /** The folder of config.yaml: relative paths in options are relative to it. */
  readonly directory: string;
}

/** Where an instance may run. `inline`: in the server's own thread. `thread`: one Piscina worker. `process`: a forked child. */
export const isolations = ['inline', 'thread', 'process'] as const;
export type Isolation = (typeof isolations)[number];

/** What a backend plugin contributes: how to check a model's options, and how to make one instance of it. */
export interface BackendKind<Schema extends z.ZodType = z.ZodType> {
  /** Its output must survive a structured clone: it may travel to a thread or a process. */
  readonly options: Schema;
  /** Where instances may run, the default first; absent: `inline`, `thread` and `process`. */
  readonly isolation?: readonly [Isolation, ...Isolation[]];
  /**
   * Makes one instance, where it is to run: for `thread` and `process` the plugin's module is imported there and its
   * `setup` run again, with only `backend()` taking effect. Import heavy engines here, not at the top of the module.
   */
  create(spec: ModelSpec<z.output<Schema>>, host: InstanceHost): Instance | Promise<Instance>;
}

/** What an instance is given; the same in every isolation. */
export interface InstanceHost {
  readonly log: Log;
  /** 0 .. instances-1 */
  readonly index: number;
  readonly isolation: Isolation;
}
