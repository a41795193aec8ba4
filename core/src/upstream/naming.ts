import { Readable } from 'node:stream';
import type { RawRequest } from '../sdk/index.ts';
import type { Payload } from './wire/request.ts';

/** The body of a request with the model's name as the upstream knows it; the same bytes when it knows it by ours. */
export function named({ body, model, task }: RawRequest, name: string | undefined): Payload {
  if (name === undefined || model === undefined) return body instanceof Uint8Array ? [body] : body;
  // In a form the name stands bare, in JSON as a string.
  const value = Buffer.from(task === 'transcribe' ? name : JSON.stringify(name));
  const splice = (bytes: Uint8Array): readonly Uint8Array[] => [
    bytes.subarray(0, model.start),
    value,
    bytes.subarray(model.end),
  ];
  return body instanceof Uint8Array ? splice(body) : Readable.from(firstChanged(body, splice), { objectMode: false });
}

async function* firstChanged(
  body: Readable,
  change: (bytes: Uint8Array) => readonly Uint8Array[],
): AsyncGenerator<Uint8Array> {
  let first = true;
  for await (const chunk of body) {
    if (first) yield* change(chunk as Uint8Array);
    else yield chunk as Uint8Array;
    first = false;
  }
}
