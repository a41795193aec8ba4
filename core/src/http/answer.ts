import type { FastifyReply } from 'fastify';
import type { Model, ModelCall } from '../models/model.ts';
import type { Embedding } from '../openai/embeddings.ts';
import type { Generation } from '../openai/generation.ts';
import type { Transcription } from '../openai/transcriptions.ts';
import { Failure, type FinishReason } from '../sdk/index.ts';
import { EventStream } from './event-stream.ts';
import type { Exchange } from './exchange.ts';
import { Gathering, type Reader, Run } from './generate.ts';

/** The event lane: events of an instance, encoded here. What it throws, nothing of was sent. */
export async function answerGeneration(
  reply: FastifyReply,
  exchange: Exchange,
  model: Model,
  generation: Generation,
  call: ModelCall,
  keepAliveMs: number,
): Promise<void> {
  nameIgnored(reply, generation.ignored);
  if (generation.stream) {
    await stream(reply, exchange, model, generation, call, keepAliveMs);
    return;
  }
  const gathering = new Gathering(generation, ({ type }) => {
    if (type !== 'started' && type !== 'finish') exchange.output();
  });
  const run = new Run(model, generation, call, gathering);
  exchange.measure(() => run.usage);
  const usage = await run.end();
  const { choices } = gathering;
  exchange.answered(usage, choices[0]?.finish);
  sendJson(reply, generation.encoder.whole(choices, usage));
}

export async function answerEmbedding(
  reply: FastifyReply,
  exchange: Exchange,
  model: Model,
  embedding: Embedding,
  call: ModelCall,
): Promise<void> {
  nameIgnored(reply, embedding.ignored);
  const result = await model.embed(embedding.request, call);
  exchange.answered(result.usage);
  sendJson(reply, embedding.encode(result));
}

export async function answerTranscription(
  reply: FastifyReply,
  exchange: Exchange,
  model: Model,
  transcription: Transcription,
  call: ModelCall,
): Promise<void> {
  nameIgnored(reply, transcription.ignored);
  const transcript = await model.transcribe(transcription.request, call);
  exchange.answered(transcript.usage);
  const { type, text } = transcription.encode(transcript);
  send(reply, type, text);
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
  const events = new EventStream(reply.raw, exchange, keepAliveMs);
  const told = new Set<number>();
  let finish: FinishReason | undefined;
  const reader: Reader = {
    take(choice, event) {
      const text = encoder.event(choice, event);
      if (text !== '') told.add(choice);
      if (event.type === 'finish') finish ??= event.reason;
      else if (text !== '') exchange.output();
      return events.write(text);
    },
    retract: (choice) => !told.has(choice),
  };
  try {
    const run = new Run(model, generation, call, reader);
    exchange.measure(() => run.usage);
    const usage = await run.end();
    if (includeUsage) void events.write(encoder.usage(usage));
    exchange.answered(usage, finish);
    events.end();
  } catch (thrown) {
    events.release();
    if (!events.open) throw thrown;
    const failure = Failure.from(thrown);
    exchange.failed(failure);
    events.fail(failure);
  }
}

function sendJson(reply: FastifyReply, body: object): void {
  send(reply, 'application/json; charset=utf-8', JSON.stringify(body));
}

function send(reply: FastifyReply, type: string, text: string): void {
  const bytes = Buffer.from(text);
  reply.request.exchange.head(200, { 'content-type': type, 'content-length': bytes.length });
  reply.raw.end(bytes);
}

/** Names come from the client: only what fits a header is repeated. */
function nameIgnored(reply: FastifyReply, ignored: readonly string[]): void {
  const names = ignored.filter((name) => /^[\w.-]{1,64}$/.test(name)).slice(0, 32);
  if (names.length > 0) reply.raw.setHeader('x-backplane-ignored', names.join(', '));
}
