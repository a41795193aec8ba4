import type { FastifyReply } from 'fastify';
import type { Model, ModelCall } from '../models/model.ts';
import type { Embedding } from '../openai/embeddings.ts';
import type { Generation } from '../openai/generation.ts';
import { done } from '../openai/sse.ts';
import type { Transcription } from '../openai/transcriptions.ts';
import type { FinishReason } from '../sdk/index.ts';
import type { EventReply } from './event-reply.ts';
import type { Exchange } from './exchange.ts';
import { Gathering, type Reader, Run } from './generate.ts';

/** The event lane: events of an instance, encoded here. */
export async function answerGeneration(
  reply: FastifyReply,
  exchange: Exchange,
  model: Model,
  generation: Generation,
  call: ModelCall,
): Promise<void> {
  nameIgnored(exchange, generation.ignored);
  if (exchange.events) {
    await stream(exchange.events, exchange, model, generation, call);
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
  nameIgnored(exchange, embedding.ignored);
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
  nameIgnored(exchange, transcription.ignored);
  const transcript = await model.transcribe(transcription.request, call);
  exchange.answered(transcript.usage);
  const { type, text } = transcription.encode(transcript);
  send(reply, type, text);
}

async function stream(
  events: EventReply,
  exchange: Exchange,
  model: Model,
  generation: Generation,
  call: ModelCall,
): Promise<void> {
  const { encoder, includeUsage } = generation;
  const told = new Set<number>();
  let finish: FinishReason | undefined;
  const reader: Reader = {
    take(choice, event) {
      const text = encoder.event(choice, event);
      if (event.type === 'finish') finish ??= event.reason;
      if (text === '') return undefined;
      told.add(choice);
      if (event.type !== 'finish') exchange.output();
      return events.write(text) ? undefined : events.drain();
    },
    retract: (choice) => !told.has(choice),
  };
  const run = new Run(model, generation, call, reader);
  exchange.measure(() => run.usage);
  const usage = await run.end();
  if (includeUsage) events.write(encoder.usage(usage));
  exchange.answered(usage, finish);
  events.end(done);
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
function nameIgnored(exchange: Exchange, ignored: readonly string[]): void {
  const names = ignored.filter((name) => /^[\w.-]{1,64}$/.test(name)).slice(0, 32);
  if (names.length > 0) exchange.header('x-backplane-ignored', names.join(', '));
}
