/**
 * The one table that maps a failure to the wire: code -> [HTTP status, OpenAI error `type`].
 * Statuses follow OpenAI's error guide where it names one; 499 is nginx's "client closed request".
 */
export const failures = {
  invalid_request: [400, 'invalid_request_error'],
  unsupported_parameter: [400, 'invalid_request_error'],
  unsupported_task: [400, 'invalid_request_error'],
  context_length_exceeded: [400, 'invalid_request_error'],
  media_rejected: [400, 'invalid_request_error'],
  invalid_api_key: [401, 'authentication_error'],
  forbidden: [403, 'permission_error'],
  model_not_found: [404, 'invalid_request_error'],
  not_found: [404, 'invalid_request_error'],
  method_not_allowed: [405, 'invalid_request_error'],
  payload_too_large: [413, 'invalid_request_error'],
  unsupported_media_type: [415, 'invalid_request_error'],
  rate_limited: [429, 'rate_limit_error'],
  cancelled: [499, 'cancelled_error'],
  internal: [500, 'server_error'],
  backend_failed: [502, 'backend_error'],
  queue_full: [503, 'overloaded_error'],
  not_ready: [503, 'overloaded_error'],
  shutting_down: [503, 'overloaded_error'],
  timeout: [504, 'backend_error'],
} as const satisfies Record<string, readonly [status: number, type: string]>;

export type FailureCode = keyof typeof failures;

export interface FailureOptions {
  readonly cause?: unknown;
  /** Dotted path of the offending request field, sent as `error.param`. */
  readonly param?: string;
  /** When a retry makes sense, in milliseconds; sent as `Retry-After`, rounded up to seconds. */
  readonly retryAfterMs?: number;
  /** Further headers of the reply; they do not cross to another thread or process. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface FailureJson {
  readonly code: FailureCode;
  readonly message: string;
  readonly param?: string;
  readonly retryAfterMs?: number;
}

/**
 * The only error a plugin throws on purpose. Its message is a sentence that the client may read: no keys, no prompts.
 * A structured clone of an Error loses its fields, so a failure crosses threads and processes as `toJSON()`.
 */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly code: FailureCode;
  readonly param: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly headers: Readonly<Record<string, string>> | undefined;

  constructor(code: FailureCode, message: string, options: FailureOptions = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.param = options.param;
    this.retryAfterMs = options.retryAfterMs;
    this.headers = options.headers;
  }

  get status(): number {
    return failures[this.code][0];
  }

  toJSON(): FailureJson {
    return {
      code: this.code,
      message: this.message,
      ...(this.param !== undefined && { param: this.param }),
      ...(this.retryAfterMs !== undefined && { retryAfterMs: this.retryAfterMs }),
    };
  }

  static fromJSON(json: FailureJson): Failure {
    return new Failure(json.code, json.message, json);
  }

  /** Anything that was not thrown as a Failure is a bug or an outage of the place it came from, which `code` names. */
  static from(thrown: unknown, code: FailureCode = 'internal'): Failure {
    if (thrown instanceof Failure) return thrown;
    return new Failure(code, thrown instanceof Error ? thrown.message : String(thrown), { cause: thrown });
  }
}
