import { createRequire } from 'node:module';
import { type DestinationStream, type Logger, pino, stdTimeFunctions } from 'pino';
import type { Log } from '../sdk/index.ts';
import { withoutSecrets } from './secrets.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export interface LogOptions {
  readonly level: LogLevel;
  /** `auto`: pretty on a terminal, else JSON lines. */
  readonly format: 'auto' | 'json' | 'pretty';
  /** Absent: stdout. */
  readonly stream?: NodeJS.WritableStream;
}

/** One JSON line per record, written before the call returns: the last words of a crash are not lost in a buffer. */
export function createLog(options: LogOptions): Log {
  const logger = pino(
    {
      level: options.level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      // A second fence: nobody should log a key; it is blanked if somebody does.
      formatters: { level: (label) => ({ level: label }), log: withoutSecrets },
      serializers: { err: describeError },
    },
    destination(options),
  );
  return fence(logger);
}

/** pino runs `formatters.log` on the fields of a line, but not on those of a child. */
function fence(logger: Logger): Log {
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
    child: (fields) => fence(logger.child(withoutSecrets(fields))),
  };
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
