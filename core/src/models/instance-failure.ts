import { Failure } from '../sdk/index.ts';
import type { SupervisedInstance } from './supervised.ts';

/** A `backend_failed` whose sentence begins with the instance that is to blame. */
export class InstanceFailure extends Failure {
  constructor({ title }: SupervisedInstance, what: string, cause?: unknown) {
    super('backend_failed', `${title} ${what}`, { cause });
  }
}
