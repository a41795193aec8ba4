import { Failure } from '../sdk/index.ts';
import type { Upstream } from './upstream.ts';

export function silenceOf(title: string, when: 'before its reply' | 'within its reply'): Failure {
  return new Failure(
    'timeout',
    when === 'before its reply'
      ? `${title} sent nothing within timeouts.first_byte`
      : `${title} fell silent in the middle of its reply for longer than timeouts.idle`,
  );
}

/** undici's errors in words. */
export function failureOf(error: Error & { readonly code?: string }, { title }: Upstream): Failure {
  switch (error.code) {
    case 'UND_ERR_HEADERS_TIMEOUT':
      return silenceOf(title, 'before its reply');
    case 'UND_ERR_BODY_TIMEOUT':
      return silenceOf(title, 'within its reply');
    case 'UND_ERR_CONNECT_TIMEOUT':
      return new Failure('backend_failed', `${title} could not be reached within timeouts.connect`);
    case 'UND_ERR_HEADERS_OVERFLOW':
      return new Failure('backend_failed', `${title} sent more headers than are read`);
    case 'ECONNREFUSED':
      return new Failure('backend_failed', `${title} refused the connection`);
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new Failure('backend_failed', `${title} has a name that does not resolve`);
    case 'ECONNRESET':
    case 'EPIPE':
    case 'UND_ERR_SOCKET':
      return new Failure('backend_failed', `${title} broke the connection`);
    default:
      if (error.code?.startsWith('HPE_')) {
        return new Failure('backend_failed', `${title} sent what is no HTTP (${error.code})`);
      }
      return error instanceof Failure
        ? error
        : new Failure('backend_failed', `${title} failed: ${error.code ?? error.name}`);
  }
}
