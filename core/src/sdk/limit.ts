import type { Principal } from './auth.ts';
import type { Usage } from './chat.ts';
import type { Operation } from './observe.ts';

/** A call that asks to be let in. */
export interface LimitedCall {
  readonly principal: Principal;
  /** The model's id from config.yaml, not what the client wrote. */
  readonly model: string;
  readonly operation: Operation;
}

/** A call that was let in. */
export interface Grant {
  /** Sent with the reply, e.g. `x-ratelimit-remaining-requests`. */
  readonly headers: Readonly<Record<string, string>>;
  /** Called once, when the call is over, with what it used as far as that is known. Must not throw. */
  settle(usage: Usage | undefined): void;
}

/** A principal's own bounds, as opposed to the model's queue. */
export interface Limiter {
  /** Asked once per call, when its model is known and before it waits for a slot. Throws `rate_limited`. */
  admit(call: LimitedCall): Grant | Promise<Grant>;
}
