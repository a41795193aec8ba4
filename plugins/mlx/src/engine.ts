import type {
  Call,
  ChatEvent,
  ChatRequest,
  CompletionRequest,
  EmbedRequest,
  EmbedResult,
  Facts,
  TranscribeRequest,
  Transcript,
} from '@backplane/core/sdk';
import type { ServerProgram } from '@backplane/core/upstream';
import type { Measure } from './measure.ts';
import type { ModelFolder } from './model-folder.ts';
import type { Options } from './options.ts';

/** What a server is started with. */
export interface Launch<O extends Options = Options> {
  readonly interpreter: string;
  readonly options: O;
  /** Relative paths are relative to it. */
  readonly directory: string;
  /** Of the engine's package. */
  readonly version: string;
  readonly signal: AbortSignal;
}

export interface Launched {
  readonly program: ServerProgram;
  /** What it calls the model. */
  readonly model: string;
  /** Removes what it was started with. */
  release?(): Promise<void>;
}

/** A request on its way to the server. */
export interface Sent<R> {
  readonly request: R;
  /** Tokens that the answer may have. */
  readonly room: number;
  readonly call: Call;
}

/** How a task whose answer is a stream is asked for. */
export interface Talk<R> {
  readonly path: string;
  body(sent: Sent<R>): Uint8Array | Promise<Uint8Array>;
  /** Mends what the server says. */
  read?(events: AsyncIterable<ChatEvent>, sent: Sent<R>): AsyncIterable<ChatEvent>;
}

/** Posts to the server and gives its JSON; `contentType` absent: what is posted is JSON too. */
export type Post = (path: string, body: Uint8Array, contentType?: string) => Promise<unknown>;

/** A server that a model may run in; it has the tasks that it says how to ask for. */
export interface Engine<O extends Options = Options> {
  /** For sentences. */
  readonly title: string;
  /** Its package in Python. */
  readonly distribution: string;
  /** Ms from SIGTERM to SIGKILL that it needs to end in order. */
  readonly stopMs: number;
  /** Ms that a call may take to be taken up. */
  readonly firstByteMs: number;
  launch(launch: Launch<O>): Promise<Launched>;
  facts(folder: ModelFolder | undefined): Pick<Facts, 'parameters' | 'dialect' | 'modalities' | 'timings'>;
  readonly chat?: Talk<ChatRequest>;
  readonly complete?: Talk<CompletionRequest>;
  embed?(request: EmbedRequest, post: Post, measure: Measure): Promise<EmbedResult>;
  transcribe?(request: TranscribeRequest, post: Post): Promise<Transcript>;
}
