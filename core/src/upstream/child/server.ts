import { Failure, type Log } from '../../sdk/index.ts';
import { ask } from '../wire/ask.ts';
import { Connections } from '../wire/connections.ts';
import { type Command, type Exit, GuardedProcess } from './guarded.ts';
import { Output, type OutputOptions } from './output.ts';
import { freePort } from './port.ts';

/** A program that serves HTTP, and how one can tell how it is. */
export interface ServerProgram extends OutputOptions {
  /** For sentences, e.g. `mlx_lm.server`. */
  readonly title: string;
  /** How it is started on a port of 127.0.0.1. */
  command(port: number): Command | Promise<Command>;
  /** The line by which it says that it listens. An answer on the port is not enough: another program may give it. */
  listening(line: string, port: number): boolean;
  /** The line by which it says that its port is taken: another is tried. */
  portTaken(line: string): boolean;
  /** The reason in a line after which it will serve no more although it lives; it is killed. */
  fatal?(line: string): string | undefined;
  /** Asked with GET until it answers 2xx. */
  readonly health: string;
  /** A first piece of real work. Rejecting, with a sentence, makes the start fail. */
  warmUp?(origin: string, signal: AbortSignal): Promise<void>;
  /** Ports to try; absent: whatever the system has free. */
  readonly port?: () => Promise<number>;
}

/** Ports that are tried before the start counts as failed. */
const portAttempts = 4;
/** Between two questions after its health while it starts. */
const pollMs = 50;
const askWithinMs = 5_000;
const lastWordsMs = 500;

/**
 * A server that runs as a child of this one: started on a private port, known to be ready, watched until it ends. It is
 * started once; whoever wants another makes another.
 */
export class ChildServer {
  readonly #program: ServerProgram;
  readonly #log: Log;
  #process: GuardedProcess | undefined;
  #port = 0;
  #output: Output | undefined;
  /** Why it is killed, or was. */
  #doom: string | undefined;
  #ended: string | undefined;
  #started = false;
  #stopping = false;
  /** Resolves when `ended` is known. */
  #settled: Promise<void> = Promise.resolve();
  readonly #died = Promise.withResolvers<string>();
  /** Called when it has ended. */
  readonly #looks = new Set<() => void>();

  constructor(program: ServerProgram, log: Log) {
    this.#program = program;
    this.#log = log;
  }

  /** `http://127.0.0.1:<port>` */
  get origin(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** How it ended, as a sentence; undefined while it runs. */
  get ended(): string | undefined {
    return this.#ended;
  }

  /** Resolves, with the sentence of `ended`, when it ends after its start without being stopped. */
  get died(): Promise<string> {
    return this.#died.promise;
  }

  /** Resolves when it has done its first work. Rejects with a sentence, and with no process left, when it cannot. */
  async start(signal: AbortSignal): Promise<void> {
    try {
      await this.#listen(signal);
      await this.#unlessEnded(this.#healthy(signal), signal);
      const { warmUp } = this.#program;
      if (warmUp) await this.#unlessEnded(warmUp(this.origin, signal), signal);
      this.#started = true;
      if (this.#ended !== undefined) this.#died.resolve(this.#ended);
    } catch (thrown) {
      await this.#process?.kill();
      if (!signal.aborted) throw thrown;
      const { reason } = signal;
      const late = (reason as { readonly name?: string } | undefined)?.name === 'TimeoutError';
      throw new Failure(
        'backend_failed',
        `${this.#program.title} ${late ? 'was not ready in time' : 'was stopped while it started'}${this.#words()}`,
      );
    }
  }

  /** Whether it says that it is well: true, false, or undefined when it does not answer in time. */
  async healthy(): Promise<boolean | undefined> {
    const patience = { connect: askWithinMs, first_byte: askWithinMs, idle: askWithinMs };
    const connections = new Connections(new URL(this.origin), patience);
    try {
      const question = { method: 'GET', path: this.#program.health, headers: [] } as const;
      const { status, body } = await ask(connections, question, AbortSignal.timeout(askWithinMs));
      for await (const _ of body);
      return status >= 200 && status < 300;
    } catch {
      return undefined;
    } finally {
      connections.close();
    }
  }

  /** How it ended, if it has or does so in this time: what broke a connection is known a moment after it broke. */
  async endedWithin(ms: number): Promise<string | undefined> {
    if (this.#ended !== undefined) return this.#ended;
    const ended = Promise.withResolvers<void>();
    this.#looks.add(ended.resolve);
    await Promise.race([ended.promise, pause(ms)]);
    this.#looks.delete(ended.resolve);
    return this.#ended;
  }

  /** It will serve no more: kills it, with the reason in `ended`. */
  condemn(reason: string): void {
    this.#doom ??= reason;
    void this.#process?.kill();
  }

  /** Resolves when it and all that it started have ended. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    await this.#process?.stop(graceMs);
    await this.#settled;
  }

  async #listen(signal: AbortSignal): Promise<void> {
    const { port = freePort, title } = this.#program;
    for (let attempt = 1; ; attempt++) {
      // Whatever ended before is no longer of interest, however late its end is noticed.
      this.#process = undefined;
      this.#port = await port();
      const command = await this.#program.command(this.#port);
      signal.throwIfAborted();
      this.#doom = undefined;
      this.#ended = undefined;
      const said = Promise.withResolvers<'listening' | 'taken'>();
      const child = this.#run(command, said.resolve);
      const outcome = await this.#unlessEnded(said.promise, signal);
      if (outcome === 'listening') return;
      // It may hang now instead of ending: some servers do.
      await child.kill();
      if (attempt === portAttempts) {
        throw new Failure('backend_failed', `${title} found ${portAttempts} ports taken one after the other`);
      }
      this.#log.debug({ port: this.#port }, `${title} found its port taken; another is tried`);
    }
  }

  #run(command: Command, said: (what: 'listening' | 'taken') => void): GuardedProcess {
    const program = this.#program;
    const port = this.#port;
    const output = new Output(program, (line) => {
      this.#log.debug({ pid: child.pid }, `${program.title}: ${line}`);
      if (program.portTaken(line)) said('taken');
      else if (program.listening(line, port)) said('listening');
      const reason = program.fatal?.(line);
      if (reason !== undefined) this.condemn(reason);
    });
    const streams: Promise<void>[] = [];
    const child = new GuardedProcess(command, (stream) => {
      const lines = output.stream();
      stream.on('data', (bytes: Buffer) => lines.push(bytes));
      streams.push(
        new Promise((resolve) =>
          stream.once('close', () => {
            lines.end();
            resolve();
          }),
        ),
      );
    });
    this.#process = child;
    this.#output = output;
    this.#settled = child.exited.then(async (exit) => {
      // Its last words explain the rest; a process that left its group may hold the pipes for ever.
      await Promise.race([Promise.all(streams), pause(lastWordsMs)]);
      if (this.#process !== child) return;
      this.#ended = this.#doom ?? this.#sentence(exit);
      if (this.#started && !this.#stopping) this.#died.resolve(this.#ended);
      for (const look of [...this.#looks]) look();
    });
    return child;
  }

  /** Rejects when the child ends or the signal aborts before the work is done. */
  async #unlessEnded<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
    const over = Promise.withResolvers<never>();
    const look = (): void => {
      if (signal.aborted) over.reject(signal.reason);
      else if (this.#ended !== undefined) over.reject(new Failure('backend_failed', this.#ended));
    };
    this.#looks.add(look);
    signal.addEventListener('abort', look, { once: true });
    look();
    try {
      return await Promise.race([work, over.promise]);
    } catch (thrown) {
      // When the work fails because the child does, that is the better reason.
      const why = signal.aborted ? undefined : await this.endedWithin(lastWordsMs);
      throw why === undefined ? thrown : new Failure('backend_failed', why);
    } finally {
      this.#looks.delete(look);
      signal.removeEventListener('abort', look);
    }
  }

  async #healthy(signal: AbortSignal): Promise<void> {
    while (!(await this.healthy())) {
      signal.throwIfAborted();
      if (this.#ended !== undefined) return;
      await pause(pollMs);
    }
  }

  #sentence({ code, signal }: Exit): string {
    const { title } = this.#program;
    if (this.#stopping) return `${title} was stopped`;
    const how = signal ? `was killed by ${signal}` : `ended by itself with exit code ${code}`;
    return `${title} ${how}${this.#words()}`;
  }

  #words(): string {
    const last = this.#output?.recent.at(-1);
    return last === undefined ? '' : `; the last it said: ${last}`;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
