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

export type Level = 'debug' | 'info' | 'warn' | 'error';

/** The server's own log, which also takes lines whose fields are JSON already: what is logged per call is logged often. */
export interface CallLog extends Log {
  /**
   * `members`: of an object, `msg` among them, without its braces. Written within moments, with all others of that time, and
   * only then made: one after the other they take half as long.
   */
  record(level: Level, members: () => string): void;
}

/** One JSON line per record, written before the call returns: the last words of a crash are not lost in a buffer. */
export function createLog(options: LogOptions): CallLog {
  const lines = destination(options);
  const logger = pino(
    {
      level: options.level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      // A second fence: nobody should log a key; it is blanked if somebody does.
      formatters: { level: (label) => ({ level: label }), log: withoutSecrets },
      serializers: { err: describeError },
    },
    lines,
  );
  return {
    ...fence(logger),
    record: (level, members) => {
      if (!logger.isLevelEnabled(level)) return;
      const now = Date.now();
      lines.add(() => `{"level":"${level}","time":"${isoTime(now)}",${members()}}\n`);
    },
  };
}

let second = 0;
let secondText = '';

/** `now` in ISO 8601. The date is spelt out once a second: doing it for each line was a seventh of what the line cost. */
function isoTime(now: number): string {
  const ms = now % 1_000;
  if (now - ms !== second) {
    second = now - ms;
    secondText = new Date(now).toISOString().slice(0, 20);
  }
  return `${secondText}${ms < 10 ? '00' : ms < 100 ? '0' : ''}${ms}Z`;
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

interface Lines extends DestinationStream {
  /** A line that may wait a moment for others. */
  add(line: () => string): void;
}

function destination(options: LogOptions): Lines {
  const stream = options.stream;
  const terminal = (stream ?? process.stdout) as { readonly isTTY?: boolean };
  if (options.format === 'pretty' || (options.format === 'auto' && terminal.isTTY)) {
    // Only a person's terminal pays for loading it.
    const pretty = createRequire(import.meta.url)('pino-pretty') as typeof import('pino-pretty');
    return atOnce(
      pretty({
        destination: stream ?? 1,
        sync: true,
        colorize: terminal.isTTY === true,
        translateTime: 'SYS:HH:MM:ss.l',
      }),
    );
  }
  return stream ? atOnce(stream) : new Batch(pino.destination({ dest: 1, sync: true }));
}

function atOnce(stream: DestinationStream): Lines {
  const write = (line: string): void => void stream.write(line);
  return { write, add: (line) => write(line()) };
}

/** How long a line may wait for others: only a process that is killed or aborts loses it. ms. */
const gatherMs = 10;

/** Writes at once what must not be lost, and with it or a moment later what may wait: a system call per line is dear. */
class Batch implements Lines {
  readonly #stream: DestinationStream;
  #waiting: (() => string)[] = [];

  constructor(stream: DestinationStream) {
    this.#stream = stream;
    // A crash that JavaScript sees loses nothing either.
    process.on('exit', this.#flush);
  }

  write(line: string): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    let lines = '';
    for (const make of waiting) lines += make();
    this.#stream.write(lines + line);
  }

  add(line: () => string): void {
    if (this.#waiting.length === 0) setTimeout(this.#flush, gatherMs).unref();
    this.#waiting.push(line);
  }

  readonly #flush = (): void => {
    if (this.#waiting.length > 0) this.write('');
  };
}

/**
 * Message and stack, nothing else: an error's cause and its own fields may carry a response body, a prompt or raw
 * request bytes (node's `clientError` has them in `rawPacket`).
 */
function describeError(thrown: unknown): object {
  if (!(thrown instanceof Error)) return { message: String(thrown) };
  return { type: thrown.name, message: thrown.message, stack: thrown.stack };
}
