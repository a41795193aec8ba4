import type { Failure, RawRequest, Sink } from '../sdk/index.ts';
import type { Refusal } from './refusal.ts';
import type { Renaming } from './renaming.ts';
import type { Upstream } from './upstream.ts';
import type { Payload } from './wire/request.ts';

/** How an attempt failed. */
export interface Attempt {
  readonly failure: Failure;
  /** The upstream is to blame, and nothing of its reply was sent: another may be asked. */
  readonly again: boolean;
  /** The client's own upload was at fault: nothing is known of the upstream. */
  readonly blameless?: true;
  readonly refusal?: Refusal;
  readonly status?: number;
}

/** One way of a request to one upstream and back. */
export interface Passage {
  readonly upstream: Upstream;
  readonly request: RawRequest;
  readonly body: Payload;
  readonly sink: Sink;
  readonly signal: AbortSignal;
  /** Undefined when the names are the same. */
  readonly renaming: Renaming | undefined;
}
