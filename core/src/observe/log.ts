import { createRequire } from 'node:module';
import { type DestinationStream, pino, stdTimeFunctions } from 'pino';
import type { Log } from '../sdk/index.ts';

export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

export const logFormats = ['auto', 'json', 'pretty'] as const;
export type LogFormat = (typeof logFormats)[number];

export interface LogOptions {
  readonly level: LogLevel;
  /** `auto`: pretty on a terminal, else JSON lines. */
  readonly format: LogFormat;
  /** Absent: stdout. */
  readonly stream?: NodeJS.WritableStream;
}

/** Names of fields that would hold a key. Nobody should log one; these are blanked if somebody does. */
const secretNames = [
  'authorization',
  'Authorization',
  'proxy-authorization',
  'x-api-key',
  'X-API-Key',
  'cookie',
  'key',
  'keys',
  'api_key',
  'apiKey',
  'token',
  'secret',
  'password',
];

/** Each name at the top of a line, one level down (`headers.authorization`) and two (`request.headers.authorization`). */
const secretPaths = secretNames.flatMap((name) => [`["${name}"]`, `*["${name}"]`, `*.headers["${name}"]`]);

/** One JSON line per record, written before the call returns: the last words of a crash are not lost in a buffer. */
export function createLog(options: LogOptions): Log {
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: describeError },
      redact: { paths: secretPaths, censor: '[redacted]' },
    },
    destination(options),
  );
}

function destination(options: LogOptions): DestinationStream {
  const stream = options.stream;
  const terminal = (stream ?? process.stdout) as { readonly isTTY?: boolean };
  if (options.format === 'pretty' || (options.format === 'auto' && terminal.isTTY)) {
    // Only a person's terminal pays for loading it.
    const pretty = createRequire(import.meta.url)('pino-pretty') as typeof import('pino-pretty');
    return pretty({
      destination: stream ?? 1,
      sync: true,
      colorize: terminal.isTTY === true,
      translateTime: 'SYS:HH:MM:ss.l',
    });
  }
  return stream ?? pino.destination({ dest: 1, sync: true });
}

/**
 * Message and stack, nothing else: an error's cause and its own fields may carry a response body, a prompt or raw
 * request bytes (node's `clientError` has them in `rawPacket`).
 */
function describeError(thrown: unknown): object {
  if (!(thrown instanceof Error)) return { message: String(thrown) };
  return { type: thrown.name, message: thrown.message, stack: thrown.stack };
}
