import { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import { Failure } from '../sdk/index.ts';
import { type FormPiece, FormReader } from './form.ts';
import { tooLarge } from './request-body.ts';

/** How far into an upload the field `model` is looked for before the file is passed on, where that is safe. Bytes. */
const headLimit = 64 * 1024;

export interface Upload {
  /** As the form names it; undefined when it does not, or not early enough. */
  readonly model: string | undefined;
  readonly contentType: string;
  /**
   * The form as it goes on, while it arrives: led by the field `model` with this name, wherever the form had it.
   * `same`: whether a name that comes late means that model too; where not, it throws or the stream fails.
   */
  forward(name: string, same: (late: string) => boolean): Forwarded;
}

export interface Forwarded {
  readonly body: Readable;
  /** Where the name stands in the first chunk of `body`. */
  readonly span: { readonly start: number; readonly end: number };
}

/**
 * Reads a form up to its field `model`. When the file comes first and `onlyOne` model could be meant, it does not wait for
 * the name; else the file is kept in memory until the name comes. Throws `invalid_request` and `payload_too_large`.
 */
export async function readUpload(request: FastifyRequest, limit: number, onlyOne: boolean): Promise<Upload> {
  const { headers } = request;
  const boundary = /;\s*boundary=(?:"([^"\r\n]{1,70})"|([^\s";]{1,70}))/i.exec(headers['content-type'] ?? '');
  const mark = boundary?.[1] ?? boundary?.[2];
  if (mark === undefined) throw new Failure('invalid_request', 'The form has no boundary in its Content-Type.');
  if (Number(headers['content-length'] ?? 0) > limit) throw tooLarge('upload');
  const source = request.body as Readable;
  const pieces = piecesOf(source, new FormReader(mark), limit);
  // What nobody reads of a form that was refused stands before the connection's next request; Node only throws away
  // what was not begun.
  request.exchange.whenSettled(() => void pieces.return(undefined).then(() => source.resume()));
  const held: FormPiece[] = [];
  let size = 0;
  let model: string | undefined;
  while (model === undefined && (!onlyOne || size < headLimit)) {
    const { done, value } = await pieces.next();
    if (done) break;
    held.push(value);
    if (value.type === 'model') model = value.value;
    else size += value.bytes.length;
  }
  return {
    model,
    // Our own: of two boundaries the server behind could take the other.
    contentType: `multipart/form-data; boundary="${mark}"`,
    forward(name, same) {
      const front = Buffer.from(`--${mark}\r\nContent-Disposition: form-data; name="model"\r\n\r\n`);
      const bytes = Buffer.from(name);
      return {
        body: Readable.from(forwarded(Buffer.concat([front, bytes]), held, pieces, same), { objectMode: false }),
        span: { start: front.length, end: front.length + bytes.length },
      };
    },
  };
}

/** A form that is read here, whole. Throws `invalid_request` and `payload_too_large`. */
export async function gatherForm(body: Readable, contentType: string): Promise<FormData> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk as Buffer);
  const headers = { 'content-type': contentType };
  return new Response(Buffer.concat(chunks), { headers }).formData().catch((cause: unknown) => {
    throw new Failure('invalid_request', 'The form could not be read: it is no whole multipart form.', { cause });
  });
}

async function* forwarded(
  front: Buffer,
  held: readonly FormPiece[],
  rest: AsyncGenerator<FormPiece>,
  same: (late: string) => boolean,
): AsyncGenerator<Buffer> {
  yield front;
  for (const piece of held) if (piece.type === 'bytes') yield piece.bytes;
  for await (const piece of rest) {
    if (piece.type === 'bytes') yield piece.bytes;
    else if (!same(piece.value)) {
      const reason = 'The form names a model behind its file that is not the one that takes uploads here.';
      throw new Failure('model_not_found', reason, { param: 'model' });
    }
  }
}

async function* piecesOf(source: Readable, reader: FormReader, limit: number): AsyncGenerator<FormPiece> {
  let size = 0;
  // Not by for-await: leaving that early would destroy the request, and with it the way to answer.
  const chunks = source.iterator({ destroyOnReturn: false });
  try {
    for (;;) {
      const { done, value } = await chunks.next().catch((cause: unknown) => {
        throw new Failure('cancelled', 'The client closed the connection.', { cause });
      });
      if (done) break;
      size += (value as Buffer).length;
      if (size > limit) throw tooLarge('upload');
      yield* reader.push(value as Buffer);
    }
    yield* reader.end();
  } finally {
    await chunks.return?.();
  }
}
