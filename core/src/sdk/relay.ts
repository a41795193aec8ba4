import type { Readable } from 'node:stream';
import type { Call } from './backend.ts';
import type { Failure } from './failure.ts';

/** What an OpenAI-compatible server may do beyond the tasks that the core encodes itself; these are relayed or not served. */
export const relayTasks = [
  'chat',
  'complete',
  'embed',
  'rerank',
  'score',
  'tokenize',
  'detokenize',
  'transcribe',
  'respond',
] as const;
export type RelayTask = (typeof relayTasks)[number];

/** A request as it came, with what the core read of it on the way. */
export interface RawRequest {
  readonly task: RelayTask;
  /** E.g. `/v1/chat/completions`: the route's own, whatever way the client spelt it. */
  readonly path: string;
  /** Only what describes the body; no credentials, no cookies, nothing hop-by-hop. */
  readonly headers: { readonly 'content-type': string };
  /** Bytes of JSON, with the operator's defaults spliced in where there are any; a stream for uploads (multipart). */
  readonly body: Uint8Array | Readable;
  /**
   * Where the model's name stands: in JSON with its quotes, in an upload without, and there wholly within the first chunk.
   * Undefined when the upload does not name one.
   */
  readonly model: { readonly start: number; readonly end: number } | undefined;
  /**
   * Gives back the memory of `body`, which is empty after that. Only when the call will not be made again and nothing of the
   * body is still being written: a socket that reads on would end the process. Worth it for requests of megabytes, which
   * else stay until they are collected and make full collections due; never needed.
   */
  release?(): void;
  /** Whether the client asked for server-sent events, of a task that can give them. */
  readonly stream: boolean;
  /** A header of the client's, e.g. for session affinity; those that carry credentials read as undefined. */
  header(name: string): string | undefined;
}

/**
 * Where a relayed reply goes, as it arrives. A sink and not an iterable: about half the CPU per chunk.
 * Order: `head` once, `write`*, then exactly one of `end` and `fail`; `fail` may come alone.
 */
export interface Sink {
  /** The client's own status; only headers that describe the body. */
  head(status: number, headers: Readonly<Record<string, string>>): void;
  /** Whole server-sent events where the reply is a stream. false: stop reading from the upstream until `drained` calls back. */
  write(chunk: Uint8Array): boolean;
  /** Calls back once, when more may be written. */
  drained(resume: () => void): void;
  /** The reply is whole. */
  end(): void;
  /** The reply is not whole: a status before `head`, an error event and a cut connection after it. */
  fail(failure: Failure): void;
  /** Whether the client has been told a status; nothing can be retried after that. */
  readonly open: boolean;
}

/** Relay lane: bytes in, bytes out. */
export interface Relay {
  /** Resolves when the sink was ended or failed. Rejects, with nothing written, when another instance may be tried. */
  forward(request: RawRequest, sink: Sink, call: Call): Promise<void>;
}
