import { Failure } from '@backplane/core/sdk';

/**
 * What went wrong, as one word: the addon or its libraries are missing (`library`), the file is no bmodel (`bmodel`), the
 * device has no memory left (`memory`), memory of two runtimes overlaps (`overlap`), a launch was refused (`launch`), the
 * device did not answer in time (`timeout`) or at all (`device`), the vendor's library threw (`exception`), the cancel flag
 * was set (`cancelled`), or it was asked for what cannot be (`usage`), which is a bug of the caller.
 */
export const faults = [
  'library',
  'bmodel',
  'memory',
  'overlap',
  'launch',
  'timeout',
  'device',
  'exception',
  'cancelled',
  'usage',
] as const;
export type Fault = (typeof faults)[number];

interface FaultFields {
  readonly fault: Fault;
  /** Whether the runtime can only be closed now. */
  readonly fatal: boolean;
  /** Status of libbmlib, where it gave one: 1 not ready, 2 failure, 3 timeout, 4 parameter, 5 no memory, 7 busy. */
  readonly status?: number;
  /** Which operation of the step. */
  readonly operation?: number;
  /** Which network was launched. */
  readonly network?: string;
}

/** The only error that the native part throws. Its message is a sentence: what, why, what next. */
export class DeviceFault extends Error {
  override readonly name = 'DeviceFault';
  readonly fault: Fault;
  readonly fatal: boolean;
  readonly status: number | undefined;
  readonly operation: number | undefined;
  readonly network: string | undefined;

  constructor(message: string, fields: FaultFields) {
    super(message);
    this.fault = fields.fault;
    this.fatal = fields.fatal;
    this.status = fields.status;
    this.operation = fields.operation;
    this.network = fields.network;
  }

  /** Of what the addon threw: an Error with these fields. */
  static from(thrown: unknown): DeviceFault {
    if (thrown instanceof DeviceFault) return thrown;
    const error = thrown as Partial<FaultFields> & { readonly message?: string };
    const message = error.message ?? String(thrown);
    if (!faults.includes(error.fault as Fault)) return new DeviceFault(message, { fault: 'usage', fatal: false });
    return new DeviceFault(message, error as FaultFields);
  }

  /** As a client is told it. */
  toFailure(): Failure {
    switch (this.fault) {
      case 'cancelled':
        return new Failure('cancelled', this.message, { cause: this });
      case 'timeout':
        return new Failure('timeout', this.message, { cause: this });
      case 'usage':
        return new Failure('internal', this.message, { cause: this });
      default:
        return new Failure('backend_failed', this.message, { cause: this });
    }
  }
}
