import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Model } from '../models/model.ts';
import { readDescription } from '../openai/description.ts';
import { anonymous, Failure, type Media } from '../sdk/index.ts';
import { answerGeneration } from './answer.ts';
import { aim, ExchangeCall, letIn, targetOf } from './call.ts';
import { descriptions, serves, unserved } from './endpoints.ts';
import type { TaskSurroundings } from './surroundings.ts';
import { gatherForm, readUpload } from './upload.ts';

/** A chat whose last message is an uploaded picture or video and a question about it. The file is never base64 here. */
export async function serveDescription(
  request: FastifyRequest,
  reply: FastifyReply,
  around: TaskSurroundings,
): Promise<void> {
  const { exchange } = request;
  const principal = exchange.principal ?? anonymous;
  const able = ableToSee(around.models.visible(principal));
  const upload = await readUpload(request, around.bodyLimit, able.length === 1);
  const model = upload.model === undefined ? onlyOne(able) : around.models.find(upload.model, principal);
  aim(exchange, model);
  if (around.limiters.length > 0) await letIn(exchange, model, around.limiters);
  const facts = model.facts ?? (await model.known(exchange.signal));
  const name = upload.model ?? model.id;
  // Decoded and encoded here whoever computes it: an upstream has no such route.
  if (!(model.tasks as readonly string[]).includes('chat')) throw unserved(name, model, descriptions);
  const { body } = upload.forward(name, (late) => around.models.find(late, principal) === model);
  const form = await gatherForm(body, upload.contentType);
  const media = await fileOf(form, around);
  const generation = readDescription(form, media.mime, targetOf(name, model, facts));
  exchange.take('event');
  if (generation.stream) exchange.stream(around.keepAliveMs);
  const call = new ExchangeCall(exchange, around, media);
  await answerGeneration(reply, exchange, model, generation, call);
}

/** Those that say so; where none does yet, those that were never loaded and have not said anything. */
function ableToSee(models: readonly Model[]): readonly Model[] {
  const able = models.filter(
    (model) => serves(model, 'chat') && model.facts?.modalities?.some((kind) => kind === 'image' || kind === 'video'),
  );
  return able.length > 0 ? able : models.filter(({ facts }) => facts === undefined);
}

function onlyOne(able: readonly Model[]): Model {
  const [model] = able;
  if (model && able.length === 1) return model;
  const which = able.map(({ id }) => id).join(', ');
  const reason = model
    ? `More than one model here takes pictures (${which}): name one in the field model of the form.`
    : 'No model here takes pictures.';
  throw new Failure('invalid_request', reason, { param: 'model' });
}

async function fileOf(form: FormData, { media }: TaskSurroundings): Promise<Media> {
  const file = form.get('file');
  if (file instanceof File) return media.receive(await file.bytes());
  throw new Failure('invalid_request', 'The form must have a picture or a video: a file in its field file.', {
    param: 'file',
  });
}
