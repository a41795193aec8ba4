import { type Failure, failures } from '../sdk/index.ts';

/** OpenAI's error object. `code` is the failure's code. */
export interface ErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string;
  };
}

export function errorBody({ code, message, param }: Failure): ErrorBody {
  return { error: { message, type: failures[code][1], param: param ?? null, code } };
}
