import { Failure, type FailureCode } from '../sdk/index.ts';
import type { UpstreamHost } from './options.ts';
import type { Upstream } from './upstream.ts';

/** How much of an upstream's error is read. Bytes. */
export const errorLimit = 64 * 1024;

/** What an upstream's error status means for the client. */
export interface Refusal {
  readonly failure: Failure;
  /** The upstream itself is unwell: another may be asked, and this one is noted. */
  readonly unwell: boolean;
  /** OpenAI-shaped bytes that may pass as they are, with their status. */
  readonly body?: Buffer;
}

/** Whom a failure is put down to. */
export type Accused = Pick<Upstream, 'title'> & { readonly host: Pick<UpstreamHost, 'key'> };

/** Statuses that are about the request: the client gets them with their meaning. */
const clients: Readonly<Record<number, FailureCode>> = {
  400: 'invalid_request',
  404: 'not_found',
  413: 'payload_too_large',
  422: 'invalid_request',
  429: 'rate_limited',
  // About the request too: it asks for a task that this server was not started with. A client must not be able to make
  // a healthy server look unwell with it.
  501: 'unsupported_task',
};

/** `retryAfter`: the header as it came. */
export function refusalOf(upstream: Upstream, status: number, retryAfter: string | undefined, body: Buffer): Refusal {
  const retryAfterMs = waitOf(retryAfter);
  const patience = retryAfterMs !== undefined && { retryAfterMs };
  const code = clients[status];
  if (code !== undefined) {
    const text = withoutKey(
      messageOf(body) ?? `the server behind this model refused the request (${status})`,
      upstream,
    );
    const failure = new Failure(code, text, { ...patience });
    const passes = status < 500 && isOpenAiError(body) && !body.includes(upstream.host.key ?? '\0');
    return { failure, unwell: false, ...(passes && { body }) };
  }
  const { title } = upstream;
  if (status === 401 || status === 403) {
    return {
      failure: new Failure('backend_failed', `${title} refused the key that config.yaml gives it (${status})`),
      unwell: true,
    };
  }
  if (status >= 300 && status < 400) {
    return {
      failure: new Failure('backend_failed', `${title} answered with a redirect (${status}), which is not followed`),
      unwell: true,
    };
  }
  if (status === 503) {
    return {
      failure: new Failure('not_ready', `${title} is overloaded or not ready (503)`, {
        retryAfterMs: retryAfterMs ?? 1_000,
      }),
      unwell: true,
    };
  }
  if (status === 504 || status === 408) {
    return { failure: new Failure('timeout', `${title} did not answer in time (${status})`), unwell: true };
  }
  // Its own words are not for clients; a plugin that knows the server may read more out of them.
  const failure = new Failure('backend_failed', `${title} answered ${status}`, { cause: messageOf(body) });
  return { failure, unwell: status >= 500 };
}

/** What an upstream's own report of a failure, within a reply that began well, means for the client. */
export function complaint(upstream: Accused, error: unknown): Failure {
  const { message, code } = (typeof error === 'object' && error !== null ? error : { message: error }) as {
    readonly message?: unknown;
    readonly code?: unknown;
  };
  const why = typeof message === 'string' && message !== '' ? message.slice(0, 500) : 'it does not say why';
  // Some say there what they had no status left to say in.
  const about = clients[Number(code)] ?? 'backend_failed';
  return new Failure(about, `${upstream.title} failed: ${withoutKey(why, upstream)}`);
}

/** Seconds or a date (RFC 9110 §10.2.3), as ms from now, at most an hour. */
function waitOf(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1_000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), 3_600_000) : undefined;
}

/** All four members: llama-server leaves `param` out, and clients were promised one shape. */
function isOpenAiError(body: Buffer): boolean {
  const error = parsed(body)?.error as Record<string, unknown> | null | undefined;
  if (typeof error !== 'object' || error === null || typeof error.message !== 'string') return false;
  return ['type', 'param', 'code'].every((member) => member in error);
}

/** What servers call their sentence: OpenAI's shape, vLLM's older one, FastAPI's, a plain string. */
function messageOf(body: Buffer): string | undefined {
  const json = parsed(body);
  const candidates = [
    (json?.error as { message?: unknown } | undefined)?.message,
    json?.message,
    json?.detail,
    json?.error,
  ];
  const text = candidates.find((candidate) => typeof candidate === 'string');
  return (text as string | undefined)?.slice(0, 2_000);
}

function parsed(body: Buffer): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(body.toString());
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function withoutKey(text: string, { host }: Accused): string {
  return host.key ? text.replaceAll(host.key, '…') : text;
}
