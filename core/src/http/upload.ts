import { once } from 'node:events';
import { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import { Failure } from '../sdk/index.ts';

/** How far into an upload the field `model` is looked for before the file is passed on, where that is safe. Bytes. */
const headLimit = 64 * 1024;
/** A model's name and what may stand around it. */
const nameLimit = 1_024;

export interface Upload {
  /** Undefined when the form does not name one early enough. */
  readonly model: string | undefined;
  /** Where the name stands in the first chunk of `body`. */
  readonly span: { readonly start: number; readonly end: number } | undefined;
  readonly body: Readable;
}

/**
 * Reads a multipart form (RFC 7578) up to its field `model` and gives the whole of it as a stream. When the file comes
 * first and `onlyOne` model could be meant, it does not wait for the name. Throws `payload_too_large`.
 */
export async function readUpload(request: FastifyRequest, limit: number, onlyOne: boolean): Promise<Upload> {
  const source = request.body as Readable;
  const bound = onlyOne ? Math.min(headLimit, limit) : limit;
  const boundary = /boundary="?([^";]+)"?/i.exec(request.headers['content-type'] ?? '')?.[1];
  if (!boundary) {
    throw new Failure('invalid_request', 'The form has no boundary in its Content-Type.');
  }
  if (Number(request.headers['content-length'] ?? 0) > limit) throw tooLarge();
  let head = Buffer.alloc(0);
  let span: Upload['span'];
  let ended = false;
  source.once('end', () => {
    ended = true;
  });
  while (!span && !ended && head.length < bound) {
    const chunk = source.read() as Buffer | null;
    if (chunk === null) {
      await Promise.race([once(source, 'readable'), once(source, 'end'), once(source, 'close')]);
      if (source.destroyed && !ended) throw new Failure('cancelled', 'The client closed the connection.');
      continue;
    }
    const from = Math.max(0, head.length - nameLimit);
    head = Buffer.concat([head, chunk]);
    span = modelSpan(head, boundary, from);
  }
  return {
    model: span && head.toString('utf8', span.start, span.end),
    span,
    body: Readable.from(joined(head, source, limit), { objectMode: false }),
  };
}

/** The value of the field `model`, once its end is there too. */
function modelSpan(head: Buffer, boundary: string, from: number): Upload['span'] {
  const text = head.toString('latin1', from);
  const field = /\r\nContent-Disposition:\s*form-data;\s*name="?model"?\s*\r\n(?:[^\r\n]+\r\n)*\r\n/i.exec(text);
  if (!field) return undefined;
  const start = from + field.index + field[0].length;
  const end = head.indexOf(`\r\n--${boundary}`, start, 'latin1');
  return end === -1 || end - start > nameLimit ? undefined : { start, end };
}

async function* joined(head: Buffer, rest: Readable, limit: number): AsyncGenerator<Buffer> {
  let size = head.length;
  yield head;
  for await (const chunk of rest) {
    size += (chunk as Buffer).length;
    if (size > limit) throw tooLarge();
    yield chunk as Buffer;
  }
}

function tooLarge(): Failure {
  return new Failure('payload_too_large', 'The upload is larger than this server takes (server.body_limit).');
}
