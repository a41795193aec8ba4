import { Failure } from '@backplane/core/sdk';

/** Why a medium was not loaded; a label of the metrics. */
export type Reason =
  | 'not_allowed'
  | 'too_many'
  | 'too_large'
  | 'too_slow'
  | 'unreachable'
  | 'malformed'
  | 'unknown_type';

/** A medium that is not loaded, in a sentence for the client: what is behind a URL is none of its business. */
export class Rejection extends Failure {
  readonly reason: Reason;

  constructor(reason: Reason, message: string, cause?: unknown) {
    super('media_rejected', message, { cause });
    this.reason = reason;
  }
}

export function tooLarge(most: number): Rejection {
  return new Rejection('too_large', `The medium is larger than this server loads (${most} bytes).`);
}
