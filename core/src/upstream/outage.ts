import { Failure } from '../sdk/index.ts';
import type { Upstream } from './upstream.ts';

/** What went wrong on a connection, in words. */
export function failureOf(error: Error & { readonly code?: string }, { title }: Upstream): Failure {
  switch (error.code) {
    case 'first_byte_timeout':
      return new Failure('timeout', `${title} sent nothing within timeouts.first_byte`);
    case 'idle_timeout':
      return new Failure('timeout', `${title} fell silent in the middle of its reply for longer than timeouts.idle`);
    case 'connect_timeout':
      return new Failure('backend_failed', `${title} could not be reached within timeouts.connect`);
    case 'unsendable':
      return new Failure('backend_failed', `${title} cannot be asked: ${error.message}`);
    case 'head_too_large':
      return new Failure('backend_failed', `${title} sent more headers than are read`);
    case 'no_http':
      return new Failure('backend_failed', `${title} sent what is no HTTP (${error.message})`);
    case 'ECONNREFUSED':
      return new Failure('backend_failed', `${title} refused the connection`);
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new Failure('backend_failed', `${title} has a name that does not resolve`);
    case 'ECONNRESET':
    case 'EPIPE':
    case 'closed':
      return new Failure('backend_failed', `${title} broke the connection`);
    default:
      return error instanceof Failure
        ? error
        : new Failure('backend_failed', `${title} failed: ${error.code ?? error.name}`);
  }
}
