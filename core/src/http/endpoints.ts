import type { Model } from '../models/model.ts';
import { readChat } from '../openai/chat.ts';
import { readCompletion } from '../openai/completions.ts';
import { type Embedding, readEmbedding } from '../openai/embeddings.ts';
import type { Generation } from '../openai/generation.ts';
import type { Target } from '../openai/target.ts';
import { Failure, type Operation, type RelayTask } from '../sdk/index.ts';

type Reader<T> = (body: Record<string, unknown>, target: Target) => T;

/** A route that calls a model. */
export interface Endpoint {
  /** The first is the one that upstreams are asked on. */
  readonly paths: readonly [string, ...string[]];
  readonly operation: Operation;
  readonly task: RelayTask;
  /** A field that a request cannot do without; checked before an upstream is asked. */
  readonly needs?: string;
  /** How the event lane reads a request; absent: relayed or not served. */
  readonly reads?:
    | { readonly kind: 'generation'; readonly read: Reader<Generation> }
    | { readonly kind: 'embedding'; readonly read: Reader<Embedding> };
}

/** OpenAI's, and those of vLLM's that its clients use. */
export const endpoints: readonly Endpoint[] = [
  {
    paths: ['/v1/chat/completions'],
    operation: 'chat',
    task: 'chat',
    needs: 'messages',
    reads: { kind: 'generation', read: readChat },
  },
  {
    paths: ['/v1/completions'],
    operation: 'completions',
    task: 'complete',
    needs: 'prompt',
    reads: { kind: 'generation', read: readCompletion },
  },
  {
    paths: ['/v1/embeddings'],
    operation: 'embeddings',
    task: 'embed',
    needs: 'input',
    reads: { kind: 'embedding', read: readEmbedding },
  },
  { paths: ['/v1/rerank', '/rerank', '/v2/rerank'], operation: 'rerank', task: 'rerank' },
  { paths: ['/v1/score', '/score'], operation: 'score', task: 'score' },
  { paths: ['/tokenize', '/v1/tokenize'], operation: 'tokenize', task: 'tokenize' },
  { paths: ['/detokenize', '/v1/detokenize'], operation: 'detokenize', task: 'detokenize' },
  { paths: ['/v1/responses'], operation: 'responses', task: 'respond' },
];

/** The one whose upload may be passed on. */
export const transcriptions: Endpoint = {
  paths: ['/v1/audio/transcriptions'],
  operation: 'transcriptions',
  task: 'transcribe',
};

/** A chat about an uploaded picture or video, which is its last message. */
export const descriptions: Endpoint = {
  paths: ['/v1/media/describe'],
  operation: 'chat',
  task: 'chat',
};

/** Says what a model serves instead. */
export function unserved(name: string, model: Model, { paths }: Endpoint): Failure {
  const served = [...endpoints, transcriptions].filter(({ task }) => serves(model, task));
  const can = served.map((endpoint) => endpoint.paths[0]).join(', ') || 'none';
  return new Failure('unsupported_task', `${name} does not serve ${paths[0]}; it serves ${can}.`, { param: 'model' });
}

export function serves({ facts, tasks }: Model, task: RelayTask): boolean {
  return facts?.relays?.includes(task) === true || (tasks as readonly RelayTask[]).includes(task);
}
