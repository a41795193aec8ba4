import type { Model } from '../models/model.ts';
import { Failure, type Operation, type RelayTask } from '../sdk/index.ts';
import type { JsonTask } from './event-lane.ts';

/** A route that calls a model. */
export interface Endpoint {
  /** The first is the one that upstreams are asked on. */
  readonly paths: readonly [string, ...string[]];
  readonly operation: Operation;
  readonly task: RelayTask;
  /** A field that a request cannot do without; checked before an upstream is asked. */
  readonly needs?: string;
  /** Whether the request may ask for server-sent events. */
  readonly streams?: true;
  /** The same, where a model may answer it here; absent: relayed or not served. */
  readonly own?: JsonTask;
}

/** OpenAI's, and those of vLLM's that its clients use. */
export const endpoints: readonly Endpoint[] = [
  {
    paths: ['/v1/chat/completions'],
    operation: 'chat',
    task: 'chat',
    needs: 'messages',
    streams: true,
    own: 'chat',
  },
  {
    paths: ['/v1/completions'],
    operation: 'completions',
    task: 'complete',
    needs: 'prompt',
    streams: true,
    own: 'complete',
  },
  {
    paths: ['/v1/embeddings'],
    operation: 'embeddings',
    task: 'embed',
    needs: 'input',
    own: 'embed',
  },
  { paths: ['/v1/rerank', '/rerank', '/v2/rerank'], operation: 'rerank', task: 'rerank' },
  { paths: ['/v1/score', '/score'], operation: 'score', task: 'score' },
  { paths: ['/tokenize', '/v1/tokenize'], operation: 'tokenize', task: 'tokenize' },
  { paths: ['/detokenize', '/v1/detokenize'], operation: 'detokenize', task: 'detokenize' },
  { paths: ['/v1/responses'], operation: 'responses', task: 'respond', streams: true },
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
