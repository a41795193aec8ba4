import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ModelRegistry } from '../models/registry.ts';
import type { Limiter, Log, Media } from '../sdk/index.ts';

/** How calls come to media. */
export interface MediaSource {
  /** `before`: media that the same prompt has asked for already. Throws `media_rejected`. */
  load(url: string, signal: AbortSignal, before: number): Promise<Media>;
  /** An upload, whose type is told by its content. Throws `media_rejected` for what is neither picture nor video. */
  receive(bytes: Uint8Array): Media;
}

/** What a call has around it. */
export interface CallSurroundings {
  readonly log: Log;
  readonly media: MediaSource;
}

/** What the routes that call a model have around them. */
export interface TaskSurroundings extends CallSurroundings {
  readonly models: ModelRegistry;
  readonly limiters: readonly Limiter[];
  /** Of a stream: how much silence is filled. */
  readonly keepAliveMs: number;
  /** Largest upload, bytes. */
  readonly bodyLimit: number;
  /** Answers a request that failed, or says so at the end of an answer that has begun. */
  readonly refuse: (request: FastifyRequest, reply: FastifyReply, thrown: unknown) => void;
}
