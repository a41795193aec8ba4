import type { FastifyReply } from 'fastify';
import type { Model, ModelCall } from '../models/model.ts';
import { readChat } from '../openai/chat.ts';
import { readCompletion } from '../openai/completions.ts';
import { readEmbedding } from '../openai/embeddings.ts';
import type { Target } from '../openai/target.ts';
import { readTranscription } from '../openai/transcriptions.ts';
import type { Task } from '../sdk/index.ts';
import { answerEmbedding, answerGeneration, answerTranscription } from './answer.ts';
import type { Exchange } from './exchange.ts';

/** Those that are asked for in JSON. */
export type JsonTask = Exclude<Task, 'transcribe'>;

/** A call that is answered here, by a model that says events and results. */
export interface EventCall {
  readonly reply: FastifyReply;
  readonly exchange: Exchange;
  readonly model: Model;
  readonly call: ModelCall;
  readonly target: Target;
}

/**
 * The event lane: reads the request as its task wants it, and answers. Loaded by the first call of such a model, for a
 * router needs neither schemas nor encoders, which would be a twentieth of its start.
 */
export async function serveEvents(task: JsonTask, body: Record<string, unknown>, event: EventCall): Promise<void> {
  const { reply, exchange, model, call, target } = event;
  if (task === 'embed') {
    await answerEmbedding(reply, exchange, model, readEmbedding(body, target), call);
  } else {
    const generation = task === 'chat' ? readChat(body, target) : readCompletion(body, target);
    await answerGeneration(reply, exchange, model, generation, call);
  }
}

export async function serveTranscription(form: FormData, event: EventCall): Promise<void> {
  const { reply, exchange, model, call, target } = event;
  await answerTranscription(reply, exchange, model, await readTranscription(form, target), call);
}
