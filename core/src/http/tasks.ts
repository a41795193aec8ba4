import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Model, ModelCall } from '../models/model.ts';
import { type Body, readBody, relayed } from '../openai/body.ts';
import { promptTokensOf } from '../openai/prompt-tokens.ts';
import { anonymous, Failure, type RawRequest, type RelayTask } from '../sdk/index.ts';
import { aim, ExchangeCall, letIn, targetOf } from './call.ts';
import { descriptions, type Endpoint, endpoints, serves, transcriptions, unserved } from './endpoints.ts';
import { RelaySink } from './relay-sink.ts';
import { release } from './release.ts';
import type { TaskSurroundings } from './surroundings.ts';
import { gatherForm, readUpload } from './upload.ts';

/** Smaller bodies are left to the garbage collection. Bytes. */
const keptLimit = 256 * 1024;

/** The routes that call a model. Replies are written past Fastify, which has no part in streams. */
export function taskRoutes(app: FastifyInstance, around: TaskSurroundings): void {
  const route = (endpoint: Endpoint, serve: typeof serveJson): void => {
    for (const path of endpoint.paths) {
      app.post(path, { config: { operation: endpoint.operation } }, (request, reply) => {
        reply.hijack();
        serve(endpoint, request, reply, around).catch((thrown: unknown) => around.refuse(request, reply, thrown));
      });
    }
  };
  for (const endpoint of endpoints) route(endpoint, serveJson);
  app.register(async (uploads) => {
    uploads.removeAllContentTypeParsers();
    uploads.addContentTypeParser('multipart/form-data', (_request, payload, done) => done(null, payload));
    const upload = ({ operation, paths }: Endpoint, serve: typeof serveUpload): void => {
      uploads.post(paths[0], { config: { operation } }, (request, reply) => {
        reply.hijack();
        serve(request, reply, around).catch((thrown: unknown) => around.refuse(request, reply, thrown));
      });
    };
    upload(transcriptions, serveUpload);
    upload(descriptions, async (...given) => (await import('./describe.ts')).serveDescription(...given));
  });
}

async function serveJson(
  endpoint: Endpoint,
  request: FastifyRequest,
  reply: FastifyReply,
  around: TaskSurroundings,
): Promise<void> {
  const { exchange } = request;
  const { task, needs, own } = endpoint;
  const body = readBody((request.body as Buffer | undefined) ?? Buffer.alloc(0));
  if (body.model === undefined || body.model === '') {
    throw new Failure('invalid_request', 'The request must name a model: a string in the field model.', {
      param: 'model',
    });
  }
  const model = around.models.find(body.model, exchange.principal ?? anonymous);
  const { definition } = model;
  aim(exchange, model);
  const stream = body.stream && endpoint.streams === true;
  if (stream) exchange.stream(around.keepAliveMs);
  if (around.limiters.length > 0) await letIn(exchange, model, around.limiters);
  const facts = model.facts ?? (await model.known(exchange.signal));
  const call = new ExchangeCall(exchange, around);

  const relays = facts.relays?.includes(task) === true;
  const answers = own !== undefined && model.tasks.includes(own);
  if (relays && (!answers || model.reasoning === 'as-is' || own === 'embed')) {
    if (needs !== undefined && !body.members.has(needs)) {
      throw new Failure('invalid_request', `The request must have the field ${needs}.`, { param: needs });
    }
    const { body: bytes, model: span } = relayed(body, task, definition.defaults);
    const raw: RawRequest = {
      task,
      path: endpoint.paths[0],
      headers: { 'content-type': 'application/json' },
      body: bytes,
      model: span,
      release() {
        for (const large of [body.bytes, bytes]) if (large.length > keptLimit) release(large);
      },
      stream,
      header: readable(request),
    };
    await relay(reply, model, raw, call, around, body);
    return;
  }
  if (!answers) throw unserved(body.model, model, endpoint);
  exchange.take('event');
  const target = targetOf(body.model, model, facts);
  const asked = body.json();
  if (body.bytes.length > keptLimit) release(body.bytes);
  const { serveEvents } = await import('./event-lane.ts');
  await serveEvents(own, asked, { reply, exchange, model, call, target });
}

/** An upload is passed on while it arrives, and only its field `model` read; or gathered, for a model that answers itself. */
async function serveUpload(request: FastifyRequest, reply: FastifyReply, around: TaskSurroundings): Promise<void> {
  const { exchange } = request;
  const principal = exchange.principal ?? anonymous;
  const able = around.models.visible(principal).filter((model) => serves(model, 'transcribe'));
  const upload = await readUpload(request, around.bodyLimit, able.length === 1);
  const model = upload.model === undefined ? able[0] : around.models.find(upload.model, principal);
  if (!model) {
    throw new Failure('invalid_request', 'The upload must name a model: a field model in the form.', {
      param: 'model',
    });
  }
  aim(exchange, model);
  if (around.limiters.length > 0) await letIn(exchange, model, around.limiters);
  const facts = model.facts ?? (await model.known(exchange.signal));
  if (!serves(model, 'transcribe')) throw unserved(model.id, model, transcriptions);
  const { body, span } = upload.forward(
    upload.model ?? model.id,
    (late) => around.models.find(late, principal) === model,
  );
  const call = new ExchangeCall(exchange, around);
  if (!facts.relays?.includes('transcribe')) {
    exchange.take('event');
    const form = await gatherForm(body, upload.contentType);
    const target = targetOf(upload.model ?? model.id, model, facts);
    const { serveTranscription } = await import('./event-lane.ts');
    await serveTranscription(form, { reply, exchange, model, call, target });
    return;
  }
  const raw: RawRequest = {
    task: 'transcribe',
    path: transcriptions.paths[0],
    headers: { 'content-type': upload.contentType },
    body,
    model: span,
    stream: false,
    header: readable(request),
  };
  await relay(reply, model, raw, call, around);
}

/** Those whose tokens an upstream computes. */
const prompted: ReadonlySet<RelayTask> = new Set(['chat', 'complete', 'embed', 'respond']);

/** The relay lane. `asked`: the request as it came, if it was JSON. */
async function relay(
  reply: FastifyReply,
  model: Model,
  raw: RawRequest,
  call: ModelCall,
  around: TaskSurroundings,
  asked?: Body,
): Promise<void> {
  reply.request.exchange.take('relay');
  const sink = new RelaySink(reply, around);
  if (asked && prompted.has(raw.task)) sink.estimate(() => promptTokensOf(asked));
  try {
    await model.forward(raw, sink, call);
  } catch (thrown) {
    sink.fail(Failure.from(thrown));
  }
}

const credentials = /^(?:authorization|cookie|proxy-|x-api-key|api-key)/i;

function readable({ headers }: FastifyRequest): RawRequest['header'] {
  return (name) => {
    const value = credentials.test(name) ? undefined : headers[name.toLowerCase()];
    return Array.isArray(value) ? value[0] : value;
  };
}
