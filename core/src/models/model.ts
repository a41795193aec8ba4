import {
  type Call,
  type ChatEvent,
  type ChatRequest,
  type CompletionRequest,
  type EmbedRequest,
  type EmbedResult,
  type Facts,
  Failure,
  type Instance,
  type InstanceState,
  type Media,
  type Observer,
  type RawRequest,
  type Sink,
  type Task,
  type TextTask,
  type TranscribeRequest,
  type Transcript,
} from '../sdk/index.ts';
import { Admission, type Lease } from './admission.ts';
import type { ModelDefinition, ModelSurroundings } from './definition.ts';
import { InstanceFailure } from './instance-failure.ts';
import { InstanceGroup, type InstanceStatus } from './instance-group.ts';
import { Residency, type ResidencyStatus } from './residency.ts';
import type { SupervisedInstance } from './supervised.ts';

/** A call on its way to an instance. */
export interface ModelCall extends Call {
  readonly principal: string;
  /** `before`: media that the same prompt has asked for already. */
  media(url: string, before?: number): Promise<Media>;
  /** Told which instance serves and how long the call waited, each time a slot is given. */
  admitted?(instance: number, waitedMs: number): void;
}

export interface ModelStatus {
  readonly state: InstanceState;
  readonly backend: string;
  readonly instances: readonly InstanceStatus[];
  readonly queue: { readonly waiting: number; readonly size: number };
  /** What it takes of memory.budget now, where config.yaml says how much it needs. */
  readonly memory_bytes?: number;
  /** Only of a model that is loaded on demand. */
  readonly on_demand?: ResidencyStatus;
}

/** An entry of `models:` at work: its instances, its queue, and the one retry. */
export class Model {
  readonly definition: ModelDefinition;
  readonly #instances: InstanceGroup;
  readonly #admission: Admission;
  readonly #emit: Observer;
  readonly #strangers = new Set<() => void>();
  /** Undefined for one that is loaded from the start to the end. */
  readonly #residency: Residency | undefined;
  /** Of all its instances together, while they are loaded. Bytes. */
  readonly #memory: number;

  constructor(definition: ModelDefinition, { memory, ...around }: ModelSurroundings) {
    this.definition = definition;
    this.#emit = around.emit;
    const { id, backend, instances, on_demand, queue } = definition;
    this.#instances = new InstanceGroup(definition, around, () => this.#changed());
    this.#memory = (definition.memory ?? 0) * instances;
    const name = { model: id, backend: backend.name };
    const late = on_demand && { loadTimeout: on_demand.load_timeout, delay: () => this.#residency?.delay };
    this.#admission = new Admission(name, this.#instances.all, { ...queue, ...late }, around.emit);
    if (on_demand) {
      const tenant = { id, memory: this.#memory, idleMs: on_demand.idle_timeout };
      this.#residency = new Residency(tenant, this.#instances, this.#admission, memory);
    } else if (this.#memory > 0) memory.keep({ id, memory: this.#memory });
  }

  get id(): string {
    return this.definition.id;
  }

  /** What the model told when it was loaded; undefined until then. */
  get facts(): Facts | undefined {
    return this.#instances.facts;
  }

  get tasks(): readonly Task[] {
    return this.#instances.tasks;
  }

  get reasoning(): 'as-is' | 'separate' | 'raw' | 'hidden' {
    return this.definition.reasoning ?? (this.facts?.relays ? 'as-is' : 'separate');
  }

  /** Slots of all its instances together. */
  get slots(): number {
    return this.#instances.slots;
  }

  /** Whether it is loaded when a call needs it, and unloaded again. */
  get onDemand(): boolean {
    return this.#residency !== undefined;
  }

  /** Resolves when every instance is ready or has failed once; at once for a model that is loaded on demand. */
  async start(): Promise<void> {
    if (this.#residency) await this.#instances.unload('idle');
    else await this.#instances.start();
  }

  async stop(graceMs: number): Promise<void> {
    await this.#residency?.stop();
    await this.#instances.stop(graceMs);
  }

  /** A call for this model has come: while it is here the model is not unloaded. Call what is returned when it is over. */
  claim(): (() => void) | undefined {
    return this.#residency?.claim();
  }

  /** Waits for the model's first load, so that a request can be checked against its facts. */
  async known(signal: AbortSignal): Promise<Facts> {
    const { queue, on_demand } = this.definition;
    const end = Date.now() + (on_demand?.load_timeout ?? queue.timeout);
    this.#residency?.want();
    while (!this.facts) {
      signal.throwIfAborted();
      if (this.#instances.givenUp || Date.now() >= end || this.#strangers.size >= queue.size) {
        const why = this.#instances.reason ?? this.#residency?.delay ?? 'it is still loading';
        throw new Failure('not_ready', `${this.id} is not running: ${why}`, { retryAfterMs: 5_000 });
      }
      await this.#change(signal, end - Date.now());
    }
    return this.facts;
  }

  /** Runs a call on some instance, and once more on another if the first broke before the client was told anything. */
  async *stream(
    task: TextTask,
    request: ChatRequest | CompletionRequest,
    call: ModelCall,
  ): AsyncGenerator<ChatEvent, void, undefined> {
    let broken: SupervisedInstance | undefined;
    for (;;) {
      const admitted = this.#admit(call, broken);
      const lease = admitted instanceof Promise ? await admitted : admitted;
      const instance = lease.instance.instance as Required<Instance>;
      let output = false;
      let finished = false;
      try {
        for await (const event of instance[task](request as never, call)) {
          if (finished && event.type !== 'usage')
            throw new InstanceFailure(lease.instance, 'sent output after its finish');
          if (event.type === 'finish') finished = true;
          else if (event.type !== 'started') output = true;
          yield event;
        }
        call.signal.throwIfAborted();
        if (finished) return;
        throw new InstanceFailure(lease.instance, 'ended its answer without saying why');
      } catch (thrown) {
        broken = this.#retry(thrown, lease, call, !broken && (!output || call.retract?.() === true));
      } finally {
        lease.release();
      }
    }
  }

  /** As `stream`, for a task that answers at once. */
  embed(request: EmbedRequest, call: ModelCall): Promise<EmbedResult> {
    const ask = ({ instance }: SupervisedInstance) => (instance as Required<Instance>).embed(request, call);
    return this.#run(call, ask, () => true);
  }

  /** As `embed`. */
  transcribe(request: TranscribeRequest, call: ModelCall): Promise<Transcript> {
    const ask = ({ instance }: SupervisedInstance) => (instance as Required<Instance>).transcribe(request, call);
    return this.#run(call, ask, () => true);
  }

  /** As `stream`, for a reply that passes byte by byte. Settles when the sink was ended or failed, or rejects with nothing sent. */
  forward(request: RawRequest, sink: Sink, call: ModelCall): Promise<void> {
    const pass = ({ instance }: SupervisedInstance) => (instance as Required<Instance>).forward(request, sink, call);
    return this.#run(call, pass, () => !sink.open);
  }

  status(): ModelStatus {
    return {
      state: this.#instances.state,
      backend: this.definition.backend.name,
      instances: this.#instances.status,
      queue: { waiting: this.#admission.waiting, size: this.definition.queue.size },
      ...(this.#memory > 0 && { memory_bytes: this.#residency?.held ?? this.#memory }),
      ...(this.#residency && { on_demand: this.#residency.status }),
    };
  }

  async #run<T>(
    call: ModelCall,
    attempt: (instance: SupervisedInstance) => Promise<T>,
    unsaid: () => boolean,
  ): Promise<T> {
    let broken: SupervisedInstance | undefined;
    for (;;) {
      const admitted = this.#admit(call, broken);
      const lease = admitted instanceof Promise ? await admitted : admitted;
      try {
        return await attempt(lease.instance);
      } catch (thrown) {
        broken = this.#retry(thrown, lease, call, unsaid() && !broken);
      } finally {
        lease.release();
      }
    }
  }

  /** The instance to keep away from, when the call may be made once more; else throws what the client is told. */
  #retry(thrown: unknown, lease: Lease, call: ModelCall, may: boolean): SupervisedInstance {
    const { instance } = lease;
    const failure = this.#blame(thrown, lease, call);
    if (!may || failure.code !== 'backend_failed' || !this.#admission.hasOther(instance)) throw failure;
    this.#emit({ type: 'retried', call: call.id, code: failure.code, ...instance.name });
    return instance;
  }

  /** At once where a slot is free: a promise more per call can be measured. */
  #admit(call: ModelCall, except?: SupervisedInstance): Lease | Promise<Lease> {
    this.#residency?.want();
    const lease = this.#admission.admit(call, except);
    return lease instanceof Promise ? lease.then((later) => this.#leased(later, call)) : this.#leased(lease, call);
  }

  #leased(lease: Lease, call: ModelCall): Lease {
    const { instance, waitedMs } = lease;
    call.admitted?.(instance.name.instance, waitedMs);
    let released: PromiseWithResolvers<void> | undefined;
    const cancelled = (): void => {
      released = Promise.withResolvers();
      instance.expectRelease(released.promise);
    };
    call.signal.addEventListener('abort', cancelled, { once: true });
    return {
      instance,
      waitedMs,
      release: () => {
        call.signal.removeEventListener('abort', cancelled);
        released?.resolve();
        lease.release();
        this.#residency?.changed();
      },
    };
  }

  /** A call that was aborted failed for the reason it was aborted for, whatever the engine said about it. */
  #blame(thrown: unknown, { instance }: Lease, { signal }: ModelCall): Failure {
    if (signal.aborted) return Failure.from(signal.reason, 'cancelled');
    if (thrown instanceof InstanceFailure) return thrown;
    if (thrown instanceof Failure && thrown.code !== 'backend_failed') return thrown;
    return new InstanceFailure(instance, `failed: ${Failure.from(thrown).message}`, thrown);
  }

  #changed(): void {
    this.#admission.changed();
    this.#residency?.changed();
    for (const wake of [...this.#strangers]) wake();
  }

  #change(signal: AbortSignal, withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', wake);
        this.#strangers.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, withinMs);
      signal.addEventListener('abort', wake, { once: true });
      this.#strangers.add(wake);
    });
  }
}
