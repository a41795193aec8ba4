import type { Log } from '../sdk/index.ts';
import type { Level } from './log.ts';

/** Keeps what plugins say during setup until the server has said what it serves: that is the first line of its log. */
export class HeldLog implements Log {
  readonly #log: Log;
  /** Shared with its children, so that the order of lines is kept. */
  readonly #held: { lines: (() => void)[] | undefined };

  constructor(log: Log, held: { lines: (() => void)[] | undefined } = { lines: [] }) {
    this.#log = log;
    this.#held = held;
  }

  /** Writes what was held, and from now on everything at once. */
  release(): void {
    const { lines } = this.#held;
    this.#held.lines = undefined;
    for (const write of lines ?? []) write();
  }

  /** Past the others: the line that is to come first. */
  first(fields: object, message: string): void {
    this.#log.info(fields, message);
  }

  debug(fields: object, message: string): void {
    this.#write('debug', fields, message);
  }

  info(fields: object, message: string): void {
    this.#write('info', fields, message);
  }

  warn(fields: object, message: string): void {
    this.#write('warn', fields, message);
  }

  error(fields: object, message: string): void {
    this.#write('error', fields, message);
  }

  child(fields: object): HeldLog {
    return new HeldLog(this.#log.child(fields), this.#held);
  }

  #write(level: Level, fields: object, message: string): void {
    if (this.#held.lines) this.#held.lines.push(() => this.#log[level](fields, message));
    else this.#log[level](fields, message);
  }
}
