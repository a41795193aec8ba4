import { Failure } from '../sdk/index.ts';
import { complaint } from './refusal.ts';
import type { Upstream } from './upstream.ts';

/** A reply of JSON up to this is gathered and checked before it is passed on. Bytes. */
export const gatherLimit = 1024 * 1024;

/** Why a gathered reply is not the answer it should be; undefined: it is. */
export function faultOf(bytes: Buffer, upstream: Upstream): Failure | undefined {
  let said: unknown;
  try {
    said = JSON.parse(bytes.toString());
  } catch {
    // Told apart below: what is no JSON is no object either.
  }
  if (typeof said !== 'object' || said === null) {
    const what = bytes.length === 0 ? 'an empty reply' : 'a reply that is no whole JSON';
    return new Failure('backend_failed', `${upstream.title} sent ${what}`);
  }
  // A response of the Responses API has a member of that name, also when all is well.
  const { error, object } = said as { readonly error?: unknown; readonly object?: unknown };
  return error && object !== 'response' ? complaint(upstream, error) : undefined;
}

/** Whether JSON may end with this byte: `}` `]`, or space after one. All that is asked of a reply too large to gather. */
export function mayEndJson(last: number | undefined): boolean {
  return closers.has(last);
}

const closers: ReadonlySet<number | undefined> = new Set([0x7d, 0x5d, 0x0a, 0x0d, 0x20]);
