import type { UnloadCause } from '../sdk/index.ts';
import type { Admission } from './admission.ts';
import type { MemoryBudget, Tenant } from './memory.ts';

/** A model works for at least so many times as long as it took to load before it has to make room for another. */
const workPerLoad = 3;

/** What a residency decides about. */
export interface Resident {
  /** Whether an engine still computes, for a call that may be over already. */
  readonly busy: boolean;
  /** It has failed for good, and will not come back by itself. */
  readonly givenUp: boolean;
  /** Resolves when it is ready or has failed once; what fails later is started again without being asked. */
  start(): Promise<void>;
  /** Resolves when its memory is free. */
  unload(cause: UnloadCause): Promise<void>;
}

export interface ResidencyStatus {
  /** For how long nobody has used it; null while it is in use or not loaded. */
  readonly idle_seconds: number | null;
  /** Why it is not loaded although calls wait for it. */
  readonly waiting_because?: string;
}

/**
 * When a model that is loaded on demand is in memory. It is loaded once however many calls want it, stays for as long as
 * one of them is here, and leaves when it was idle for long enough or another model needs the room.
 */
export class Residency implements Tenant {
  readonly id: string;
  readonly memory: number;
  readonly #idleMs: number;
  readonly #resident: Resident;
  readonly #admission: Admission;
  readonly #budget: MemoryBudget;
  #state: 'unloaded' | 'waiting' | 'loading' | 'loaded' | 'unloading' | 'over' = 'unloaded';
  /** Calls that are here, from when they name the model to their last byte. */
  #claims = 0;
  /** Some of them came too late for the copy that is being unloaded. */
  #wanted = false;
  /** Another model waits for the room: calls that do not run yet wait for the next load. */
  #yielding = false;
  #yieldsAt = 0;
  #idle: { readonly since: number; readonly timer: NodeJS.Timeout } | undefined;
  #unloading: Promise<void> = Promise.resolve();

  /** `memory`: bytes; 0 where config.yaml does not say. `idleMs`: how long it stays with nobody using it. */
  constructor(
    { id, memory, idleMs }: { readonly id: string; readonly memory: number; readonly idleMs: number },
    resident: Resident,
    admission: Admission,
    budget: MemoryBudget,
  ) {
    this.id = id;
    this.memory = memory;
    this.#idleMs = idleMs;
    this.#resident = resident;
    this.#admission = admission;
    this.#budget = budget;
  }

  get idleSince(): number | undefined {
    return this.#idle?.since;
  }

  get yieldsAt(): number | undefined {
    return this.#state === 'loaded' ? this.#yieldsAt : undefined;
  }

  /** Why it is not there yet, as the end of a sentence; undefined when it is. */
  get delay(): string | undefined {
    if (this.#state === 'waiting') return this.#budget.shortage(this);
    if (this.#yielding) return 'it makes room for another model';
    return this.#state === 'loaded' ? undefined : 'it is still loading';
  }

  /** Bytes of the budget that are its own now. */
  get held(): number {
    return this.#state === 'loading' || this.#state === 'loaded' || this.#state === 'unloading' ? this.memory : 0;
  }

  get status(): ResidencyStatus {
    const since = this.idleSince;
    return {
      idle_seconds: since === undefined ? null : Math.floor((performance.now() - since) / 1_000),
      ...(this.#state === 'waiting' && { waiting_because: this.#budget.shortage(this) }),
    };
  }

  /** A call is here. While it is, a loaded model stays; call what is returned when it is over. */
  claim(): () => void {
    this.#claims++;
    this.changed();
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#claims--;
      this.changed();
    };
  }

  /** A call that has its claim needs the model: loads it unless that is under way. */
  want(): void {
    if (this.#state === 'unloading') this.#wanted = true;
    if (this.#state !== 'unloaded') return;
    this.#state = 'waiting';
    this.#budget.ask(this, () => void this.#load());
  }

  /** A call came or went, or an instance did. */
  changed(): void {
    if (this.#state === 'waiting' && this.#claims === 0) {
      this.#state = 'unloaded';
      this.#budget.withdraw(this);
    }
    if (this.#state !== 'loaded') return;
    if (this.#resident.givenUp) {
      this.#state = 'over';
      this.#rouse();
      this.#budget.release(this);
    } else if (this.#inUse) this.#rouse();
    else if (!this.#idle) {
      this.#rest();
      this.#budget.changed();
    }
  }

  yield(): void {
    this.#yielding = true;
    this.#admission.pause();
    if (!this.#inUse) this.#rest();
  }

  resume(): void {
    if (!this.#yielding) return;
    this.#yielding = false;
    this.#admission.resume();
    if (this.#inUse) this.#rouse();
  }

  evict(): void {
    this.#unload('memory');
  }

  /** Loads it no more. Resolves when no unloading is under way; what is loaded is left to the caller. */
  async stop(): Promise<void> {
    if (this.#state === 'waiting') this.#budget.withdraw(this);
    this.#state = 'over';
    this.#rouse();
    await this.#unloading;
  }

  async #load(): Promise<void> {
    this.#state = 'loading';
    const begin = performance.now();
    await this.#resident.start();
    if (this.#state !== 'loading') return;
    this.#state = 'loaded';
    const end = performance.now();
    this.#yieldsAt = end + workPerLoad * (end - begin);
    this.changed();
    // From now on it may be asked to make room.
    this.#budget.changed();
  }

  #unload(cause: UnloadCause): void {
    this.#state = 'unloading';
    this.#wanted = false;
    this.#rouse();
    this.#unloading = this.#resident.unload(cause).then(() => {
      if (this.#state === 'unloading') this.#state = 'unloaded';
      this.#budget.release(this);
      this.resume();
      if (this.#claims > 0 && (this.#wanted || this.#admission.waiting > 0)) this.want();
    });
  }

  get #inUse(): boolean {
    return this.#resident.busy || (this.#claims > 0 && !this.#yielding);
  }

  #rest(): void {
    const timer = setTimeout(() => this.#unload('idle'), this.#idleMs);
    timer.unref();
    this.#idle = { since: performance.now(), timer };
  }

  #rouse(): void {
    clearTimeout(this.#idle?.timer);
    this.#idle = undefined;
  }
}
