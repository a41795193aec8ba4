import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { errorBody } from '../openai/error.ts';
import { Failure, type FailureCode } from '../sdk/index.ts';

/** Answers with a failure; at the end of a stream that has begun with an event, and else by cutting off what has begun. */
export function sendFailure(
  request: FastifyRequest,
  reply: FastifyReply,
  failure: Failure,
  headers: Record<string, string>,
): void {
  const { exchange } = request;
  exchange?.failed(failure);
  if (reply.raw.headersSent) {
    if (exchange?.events?.open) exchange.events.fail(failure);
    else reply.raw.destroy();
    return;
  }
  exchange?.events?.release();
  if (failure.retryAfterMs !== undefined) headers['retry-after'] = String(Math.ceil(failure.retryAfterMs / 1000));
  // What is left of an unread body would be taken for the next request.
  if (failure.code === 'payload_too_large' || failure.code === 'shutting_down') headers.connection = 'close';
  const body = Buffer.from(JSON.stringify(errorBody(failure)));
  reply.raw.writeHead(failure.status, {
    ...headers,
    'x-request-id': request.id,
    'content-type': 'application/json; charset=utf-8',
    'content-length': body.length,
  });
  reply.raw.end(request.method === 'HEAD' ? undefined : body);
}

/** Fastify's own errors, by their code or status, as failures. */
export function failureOf(error: unknown): Failure {
  if (error instanceof Failure) return error;
  const { code, statusCode } = error as { readonly code?: string; readonly statusCode?: number };
  const mine = fastifyFailures[code ?? ''];
  if (mine) return new Failure(...mine);
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new Failure('invalid_request', 'The request could not be read.');
  }
  return new Failure('internal', 'The server failed; its log says more under this request id.', { cause: error });
}

const fastifyFailures: Readonly<Record<string, readonly [FailureCode, string]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: [
    'payload_too_large',
    'The request body is larger than this server takes (server.body_limit).',
  ],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [
    'unsupported_media_type',
    'Send the body as JSON, with Content-Type: application/json.',
  ],
  FST_ERR_CTP_EMPTY_TYPE: ['unsupported_media_type', 'Send the body as JSON, with Content-Type: application/json.'],
};

/** What is no HTTP gets one answer and no second chance; what it was is never logged, since keys are in it. */
export function refuseGarbage(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, text] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? ['431 Request Header Fields Too Large', 'The request headers are too large.']
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? ['408 Request Timeout', 'The request did not arrive in time.']
        : ['400 Bad Request', 'This is not a valid HTTP request.'];
  const body = JSON.stringify(errorBody(new Failure('invalid_request', text)));
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
