import { z } from 'zod';
import { type Part, uploadUrl } from '../sdk/index.ts';
import { readChat } from './chat.ts';
import type { Generation } from './generation.ts';
import type { Target } from './target.ts';

/** Fields of the form `POST /v1/media/describe`, beside its `file`; those of a chat that are numbers or texts may follow. */
export const descriptionSchema = z.looseObject({
  prompt: z.string().optional(),
  model: z.string().min(1).optional(),
  stream: z.enum(['true', 'false']).default('false'),
});

/**
 * Reads the form of `POST /v1/media/describe` as the chat that it stands for: one message, the upload and then the prompt.
 * Throws `invalid_request` and `unsupported_parameter`.
 */
export function readDescription(form: FormData, mime: string, target: Target): Generation {
  const { prompt, ...fields } = fieldsOf(form);
  const video = mime.startsWith('video/');
  const shown: Part = video
    ? { type: 'video_url', video_url: { url: uploadUrl } }
    : { type: 'image_url', image_url: { url: uploadUrl } };
  const text = prompt ?? `Describe this ${video ? 'video' : 'image'}.`;
  return readChat({ ...fields, messages: [{ role: 'user', content: [shown, { type: 'text', text }] }] }, target);
}

/** A form has texts only; what a chat wants as a number or as true or false is made one. An empty text is no text. */
function fieldsOf(form: FormData): Record<string, unknown> & { readonly prompt?: string } {
  const fields: Record<string, unknown> = Object.create(null);
  for (const [name, value] of form) {
    if (typeof value !== 'string' || value === '') continue;
    fields[name] = name === 'prompt' || name === 'model' ? value : plain(value);
  }
  return fields;
}

function plain(text: string): string | number | boolean {
  if (/^(?:true|false)$/i.test(text)) return text.toLowerCase() === 'true';
  return /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : text;
}
