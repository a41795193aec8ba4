import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Model, ModelCall } from '../models/model.ts';
import type { ModelRegistry } from '../models/registry.ts';
import { readChat } from '../openai/chat.ts';
import { readCompletion } from '../openai/completions.ts';
import { readEmbedding } from '../openai/embeddings.ts';
import type { Generation } from '../openai/generation.ts';
import type { Target } from '../openai/target.ts';
import { parseJson } from '../openai/validate.ts';
import { anonymous, Failure, type FinishReason, type Log, type Media, type Task } from '../sdk/index.ts';
import { EventStream } from './event-stream.ts';
import type { Exchange } from './exchange.ts';
import { gather, generate } from './generate.ts';

export interface TaskSurroundings {
  readonly models: ModelRegistry;
  readonly log: Log;
  readonly media: (url: string, signal: AbortSignal) => Promise<Media>;
  readonly keepAliveMs: number;
}

/** The routes that call a model. */
export function taskRoutes(app: FastifyInstance, around: TaskSurroundings): void {
  app.post('/v1/chat/completions', { config: { operation: 'chat' } }, (request, reply) =>
    answer(request, reply, around, 'chat', readChat),
  );
  app.post('/v1/completions', { config: { operation: 'completions' } }, (request, reply) =>
    answer(request, reply, around, 'complete', readCompletion),
  );
  app.post('/v1/embeddings', { config: { operation: 'embeddings' } }, (request, reply) =>
    embed(request, reply, around),
  );
}

async function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  around: TaskSurroundings,
  task: 'chat' | 'complete',
  read: (body: Record<string, unknown>, target: Target) => Generation,
): Promise<unknown> {
  const { exchange } = request;
  const { model, body, target } = await resolve(request, around, task);
  const generation = read(body, target);
  nameIgnored(reply, generation.ignored);
  const call = callOf(exchange, around);
  if (generation.stream) {
    await stream(reply, exchange, model, generation, call, around.keepAliveMs);
    return reply;
  }
  const { choices, usage } = await gather(model, generation, call, (event) => {
    if (event.type !== 'started' && event.type !== 'finish') exchange.output();
  });
  exchange.answered(usage, choices[0]?.finish);
  return generation.encoder.whole(choices, usage);
}

async function stream(
  reply: FastifyReply,
  exchange: Exchange,
  model: Model,
  generation: Generation,
  call: ModelCall,
  keepAliveMs: number,
): Promise<void> {
  const { encoder, includeUsage } = generation;
  const events = new EventStream(reply.raw, keepAliveMs);
  let finish: FinishReason | undefined;
  try {
    const usage = await generate(model, generation, call, (choice, event) => {
      const text = encoder.event(choice, event);
      if (event.type === 'finish') finish ??= event.reason;
      else if (text !== '') exchange.output();
      return events.write(text);
    });
    if (includeUsage) void events.write(encoder.usage(usage));
    exchange.answered(usage, finish);
    reply.hijack();
    events.end();
  } catch (thrown) {
    events.release();
    if (!events.open) throw thrown;
    reply.hijack();
    const failure = Failure.from(thrown);
    exchange.failed(failure);
    events.fail(failure);
  }
}

async function embed(request: FastifyRequest, reply: FastifyReply, around: TaskSurroundings): Promise<unknown> {
  const { exchange } = request;
  const { model, body, target } = await resolve(request, around, 'embed');
  const embedding = readEmbedding(body, target);
  nameIgnored(reply, embedding.ignored);
  const result = await model.embed(embedding.request, callOf(exchange, around));
  exchange.answered(result.usage);
  return embedding.encode(result);
}

interface Resolved {
  readonly model: Model;
  readonly body: Record<string, unknown>;
  readonly target: Target;
}

/** Reads which model is meant, and waits until enough is known of it to check the rest. */
async function resolve(request: FastifyRequest, { models }: TaskSurroundings, task: Task): Promise<Resolved> {
  const { exchange } = request;
  const body = parseJson((request.body as Buffer | undefined) ?? Buffer.alloc(0));
  const name = body.model;
  if (typeof name !== 'string' || name === '') {
    throw new Failure('invalid_request', 'The request must name a model: a string in the field model.', {
      param: 'model',
    });
  }
  const model = models.find(name, exchange.principal ?? anonymous);
  const { definition } = model;
  exchange.aim(model.id, definition.backend.name, body.stream === true, definition.timeout);
  const facts = await model.known(exchange.signal);
  if (!model.tasks.includes(task)) {
    const can = model.tasks.map((known) => paths[known]).join(', ') || 'none';
    throw new Failure('unsupported_task', `${name} does not serve ${paths[task]}; it serves ${can}.`, {
      param: 'model',
    });
  }
  const target: Target = {
    name,
    contextLength: facts.contextLength,
    modalities: facts.modalities ?? ['text'],
    honoured: new Set(facts.parameters),
    unsupported: definition.unsupported,
    defaults: definition.defaults,
    reasoning: definition.reasoning,
    dialect: definition.dialect ?? facts.dialect,
  };
  return { model, body, target };
}

const paths: Readonly<Record<Task, string>> = {
  chat: '/v1/chat/completions',
  complete: '/v1/completions',
  embed: '/v1/embeddings',
};

function callOf(exchange: Exchange, { log, media }: TaskSurroundings): ModelCall {
  return {
    id: exchange.id,
    signal: exchange.signal,
    // Made when used: most calls log nothing but their one line.
    get log() {
      return log.child({ request: exchange.id });
    },
    principal: exchange.principal?.name ?? anonymous.name,
    media: (url) => media(url, exchange.signal),
    admitted: (instance, waitedMs) => exchange.admitted(instance, waitedMs),
  };
}

/** Names come from the client: only what fits a header is repeated. */
function nameIgnored(reply: FastifyReply, ignored: readonly string[]): void {
  const names = ignored.filter((name) => /^[\w.-]{1,64}$/.test(name)).slice(0, 32);
  // On the raw response too, since a stream's head does not pass through Fastify.
  if (names.length > 0) reply.raw.setHeader('x-backplane-ignored', names.join(', '));
}
