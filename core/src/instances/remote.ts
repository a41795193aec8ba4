import { isMarkedAsUntransferable } from 'node:worker_threads';
import {
  type Call,
  type ChatEvent,
  type EmbedResult,
  type Facts,
  Failure,
  type Health,
  type Instance,
  type Log,
  type Task,
  type Transcript,
} from '../sdk/index.ts';
import { Inbox } from './inbox.ts';
import type { Blueprint } from './placement.ts';
import { type FromInstance, type Port, type ToInstance, window } from './protocol.ts';

interface Pending {
  readonly call: Call;
  readonly events: Inbox<ChatEvent>;
  readonly result: PromiseWithResolvers<EmbedResult | Transcript>;
  /** Resolves when the far side has let go of the call. */
  readonly over: PromiseWithResolvers<void>;
}

/** The near side of a channel: the instance as the server sees it. */
export class RemoteInstance implements Instance {
  readonly #port: Port<ToInstance, FromInstance>;
  readonly #blueprint: Blueprint;
  readonly #log: Log;
  readonly #pending = new Map<number, Pending>();
  readonly #loaded = Promise.withResolvers<Facts>();
  readonly #unloaded = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<string>();
  #health: PromiseWithResolvers<Health> | undefined;
  #calls = 0;
  #dead: Failure | undefined;

  chat?: NonNullable<Instance['chat']>;
  complete?: NonNullable<Instance['complete']>;
  embed?: NonNullable<Instance['embed']>;
  transcribe?: NonNullable<Instance['transcribe']>;
  readonly ended = this.#ended.promise;

  constructor(port: Port<ToInstance, FromInstance>, blueprint: Blueprint, log: Log) {
    this.#port = port;
    this.#blueprint = blueprint;
    this.#log = log;
    this.#loaded.promise.catch(() => {});
    port.listen((message) => this.#receive(message));
  }

  load(signal: AbortSignal): Promise<Facts> {
    const abandon = (): void => this.#loaded.reject(new Failure('cancelled', 'loading was cancelled'));
    signal.addEventListener('abort', abandon, { once: true });
    this.#post({ type: 'load', blueprint: this.#blueprint });
    return this.#loaded.promise.finally(() => signal.removeEventListener('abort', abandon));
  }

  async unload(): Promise<void> {
    if (this.#dead) return;
    this.#post({ type: 'unload' });
    await this.#unloaded.promise;
  }

  health(): Promise<Health> {
    if (!this.#health) {
      this.#health = Promise.withResolvers();
      this.#post({ type: 'health' });
    }
    return this.#health.promise;
  }

  /** The far side is gone: everything that waits for it fails with this sentence. */
  die(reason: string): void {
    if (this.#dead) return;
    const failure = new Failure('backend_failed', reason);
    this.#dead = failure;
    this.#loaded.reject(failure);
    this.#unloaded.resolve();
    this.#health?.resolve({ status: 'failed', reason });
    for (const [number, pending] of this.#pending) this.#settle(number, pending, failure);
  }

  #receive(message: FromInstance): void {
    switch (message.type) {
      case 'event':
        this.#pending.get(message.call)?.events.push(message.event);
        break;
      case 'end':
        this.#settle(message.call, this.#pending.get(message.call));
        break;
      case 'result':
        this.#pending.get(message.call)?.result.resolve(message.result);
        this.#settle(message.call, this.#pending.get(message.call));
        break;
      case 'failed':
        this.#settle(message.call, this.#pending.get(message.call), Failure.fromJSON(message.failure));
        break;
      case 'media':
        void this.#fetch(message);
        break;
      case 'loaded':
        for (const task of message.tasks) this.#offer(task);
        this.#loaded.resolve(message.facts);
        break;
      case 'load_failed':
        this.#loaded.reject(Failure.fromJSON(message.failure));
        break;
      case 'health':
        this.#health?.resolve(message.health);
        this.#health = undefined;
        break;
      case 'ended':
        this.#ended.resolve(message.reason);
        break;
      case 'unloaded':
        this.#unloaded.resolve();
        break;
      case 'log':
        this.#log[message.level](message.fields, message.message);
        break;
    }
  }

  #offer(task: Task): void {
    if (task === 'chat' || task === 'complete') {
      this[task] = (request: never, call: Call) => this.#stream(task, request, call);
    } else this[task] = async (request: never, call: Call) => this.#start(task, request, call).result.promise as never;
  }

  /** Ends only when the far side has let go of the call, so that a slot is free when it looks free. */
  async *#stream(task: Task, request: never, call: Call): AsyncGenerator<ChatEvent, void, undefined> {
    const pending = this.#start(task, request, call);
    try {
      yield* pending.events;
    } finally {
      await pending.over.promise;
    }
  }

  #start(task: Task, request: never, call: Call): Pending {
    if (this.#dead) throw this.#dead;
    // The far side would begin before the cancel arrives.
    if (call.signal.aborted) throw Failure.from(call.signal.reason, 'cancelled');
    const number = this.#calls++;
    let consumed = 0;
    const cancelled = this.#port.shares ? new Int32Array(new SharedArrayBuffer(4)) : undefined;
    const cancel = (): void => {
      if (cancelled) Atomics.store(cancelled, 0, 1);
      this.#post({ type: 'cancel', call: number });
    };
    const read = (): void => {
      if (++consumed < window / 2) return;
      this.#post({ type: 'consumed', call: number, events: consumed });
      consumed = 0;
    };
    const pending: Pending = {
      call,
      events: new Inbox<ChatEvent>(read, cancel),
      result: Promise.withResolvers(),
      over: Promise.withResolvers(),
    };
    pending.result.promise.catch(() => {});
    this.#pending.set(number, pending);
    call.signal.addEventListener('abort', cancel, { once: true });
    void pending.over.promise.then(() => call.signal.removeEventListener('abort', cancel));
    this.#post({ type: 'call', call: number, id: call.id, task, request, ...(cancelled && { cancelled }) });
    return pending;
  }

  #settle(number: number, pending: Pending | undefined, failure?: Failure): void {
    if (!pending) return;
    this.#pending.delete(number);
    if (failure) {
      pending.events.fail(failure);
      pending.result.reject(failure);
    } else pending.events.end();
    pending.over.resolve();
  }

  async #fetch({ fetch, call, url }: Extract<FromInstance, { type: 'media' }>): Promise<void> {
    try {
      const pending = this.#pending.get(call);
      if (!pending) throw new Failure('cancelled', 'the call is over');
      const media = await pending.call.media(url);
      this.#post({ type: 'media', fetch, media }, movable(media.bytes));
    } catch (thrown) {
      this.#post({ type: 'media', fetch, failure: Failure.from(thrown).toJSON() });
    }
  }

  #post(message: ToInstance, transfer?: readonly ArrayBuffer[]): void {
    if (!this.#dead) this.#port.post(message, transfer);
  }
}

/** The memory behind bytes that have it for themselves; small buffers share theirs with strangers. */
function movable({ buffer, byteLength }: Uint8Array): readonly ArrayBuffer[] {
  const own = buffer instanceof ArrayBuffer && buffer.byteLength === byteLength && !isMarkedAsUntransferable(buffer);
  return own ? [buffer] : [];
}
