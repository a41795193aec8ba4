import { Failure, type InstanceName, type Observer } from '../sdk/index.ts';
import { FairQueue, type Waiter } from './queue.ts';
import type { SupervisedInstance } from './supervised.ts';

/** A slot of an instance, held by one call. */
export interface Lease {
  readonly instance: SupervisedInstance;
  readonly waitedMs: number;
  release(): void;
}

/** Who asks for a slot. */
export interface Applicant {
  readonly id: string;
  readonly principal: string;
  readonly signal: AbortSignal;
}

interface Waiting extends Waiter<SupervisedInstance> {
  refuse(failure: Failure): void;
}

/** How many calls may wait, and how long. ms. */
export interface QueueBound {
  readonly size: number;
  readonly timeout: number;
  /** For calls that come while no instance serves; absent: as the others. */
  readonly loadTimeout?: number;
  /** Why no instance serves yet, as the end of a sentence. */
  readonly delay?: () => string | undefined;
}

/** Decides which call gets which slot when. One per model. */
export class Admission {
  readonly #model: string;
  readonly #backend: string;
  readonly #instances: readonly SupervisedInstance[];
  readonly #queue: FairQueue<SupervisedInstance>;
  readonly #bound: QueueBound;
  readonly #emit: Observer;
  #last = 0;
  #paused = false;

  constructor(
    name: Omit<InstanceName, 'instance'>,
    instances: readonly SupervisedInstance[],
    bound: QueueBound,
    emit: Observer,
  ) {
    this.#model = name.model;
    this.#backend = name.backend;
    this.#instances = instances;
    this.#queue = new FairQueue(bound.size);
    this.#bound = bound;
    this.#emit = emit;
  }

  get waiting(): number {
    return this.#queue.size;
  }

  /** Whether another instance than this one could take a call now or soon. */
  hasOther(than: SupervisedInstance): boolean {
    return this.#instances.some((instance) => instance !== than && instance.serving);
  }

  /** A slot, at once where one is free. Throws or rejects with `queue_full`, `not_ready`, or the signal's reason. */
  admit(applicant: Applicant, except?: SupervisedInstance): Lease | Promise<Lease> {
    applicant.signal.throwIfAborted();
    const { id } = applicant;
    this.#emit({ type: 'queued', call: id, model: this.#model, backend: this.#backend });
    const free = this.#queue.size === 0 ? this.#freest(except) : undefined;
    return free ? this.#lease(hold(free), id, 0) : this.#waited(applicant, except);
  }

  async #waited(applicant: Applicant, except?: SupervisedInstance): Promise<Lease> {
    const begin = performance.now();
    const { id } = applicant;
    try {
      const instance = await this.#wait(applicant, except);
      return this.#lease(instance, id, performance.now() - begin);
    } catch (thrown) {
      this.#emit({ type: 'dequeued', call: id, model: this.#model, backend: this.#backend });
      throw thrown;
    }
  }

  /** Gives no more slots until `resume`; calls wait as if no instance served. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.changed();
  }

  /** Something changed: a slot is free, an instance came or went. */
  changed(): void {
    if (this.#queue.size === 0) return;
    const dead = this.#dead();
    if (dead) {
      for (const waiter of this.#queue) (waiter as Waiting).refuse(dead);
      return;
    }
    for (let free = this.#freest(); free && this.#queue.offer(free); free = this.#freest());
  }

  #lease(instance: SupervisedInstance, call: string, waitedMs: number): Lease {
    const { model, backend, instance: index } = instance.name;
    this.#emit({ type: 'admitted', call, model, backend, instance: index, waitedMs });
    const generation = instance.generation;
    let held = true;
    return {
      instance,
      waitedMs,
      release: () => {
        if (!held) return;
        held = false;
        if (generation === instance.generation) instance.busy--;
        this.#emit({ type: 'released', call, model, backend, instance: index });
        this.changed();
      },
    };
  }

  #wait({ principal, signal }: Applicant, except?: SupervisedInstance): Promise<SupervisedInstance> {
    const dead = this.#dead();
    if (dead) throw dead;
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', abandon);
        this.#queue.leave(waiter);
      };
      const waiter: Waiting = {
        principal,
        offer: (instance) => {
          if (instance === except) return false;
          settle();
          resolve(hold(instance));
          return true;
        },
        refuse: (failure) => {
          settle();
          reject(failure);
        },
      };
      const abandon = (): void => waiter.refuse(signal.reason as Failure);
      const { timeout, loadTimeout = timeout } = this.#bound;
      const waitMs = this.#serving ? timeout : loadTimeout;
      const timer = setTimeout(() => waiter.refuse(this.#late(waitMs)), waitMs);
      if (!this.#queue.join(waiter)) {
        clearTimeout(timer);
        reject(
          new Failure(
            'queue_full',
            `the queue of ${this.#model} is full (${this.#bound.size} are waiting); try again later`,
            {
              retryAfterMs: 1_000,
            },
          ),
        );
        return;
      }
      signal.addEventListener('abort', abandon, { once: true });
    });
  }

  /** Most free slots first; among equals the one that was not asked last. */
  #freest(except?: SupervisedInstance): SupervisedInstance | undefined {
    if (this.#paused) return undefined;
    let best: SupervisedInstance | undefined;
    const count = this.#instances.length;
    for (let i = 1; i <= count; i++) {
      const instance = this.#instances[(this.#last + i) % count] as SupervisedInstance;
      if (instance === except || !instance.serving || instance.busy >= instance.slots) continue;
      if (!best || instance.slots - instance.busy > best.slots - best.busy) best = instance;
    }
    if (best) this.#last = best.name.instance;
    return best;
  }

  /** The sentence for a model none of whose instances will come back by itself. */
  #dead(): Failure | undefined {
    if (!this.#instances.every((instance) => instance.givenUp || instance.state === 'stopped')) return undefined;
    const reason = this.#instances.find((instance) => instance.reason)?.reason ?? 'it is stopped';
    return new Failure('not_ready', `${this.#model} is not running: ${reason}`, { retryAfterMs: 30_000 });
  }

  #late(waitedMs: number): Failure {
    const waited = `after ${waitedMs / 1000} s in the queue of ${this.#model}`;
    const again = { retryAfterMs: 5_000 };
    if (this.#serving) return new Failure('queue_full', `no slot came free ${waited}; try again later`, again);
    const why = this.#bound.delay?.();
    return new Failure('not_ready', `no instance was ready ${waited}${why ? `: ${why}` : '; try again later'}`, again);
  }

  get #serving(): boolean {
    return !this.#paused && this.#instances.some((instance) => instance.serving);
  }
}

function hold(instance: SupervisedInstance): SupervisedInstance {
  instance.busy++;
  return instance;
}
