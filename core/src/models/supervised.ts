import type { Placement } from '../instances/placement.ts';
import {
  type Facts,
  Failure,
  type Health,
  type InstanceName,
  type InstanceState,
  type Log,
  type Observer,
  type Task,
  tasks,
  type UnloadCause,
} from '../sdk/index.ts';

export interface RestartPolicy {
  /** Wait before the first restart, in ms; doubles each time up to `max_backoff`, with ±25 % jitter. */
  readonly backoff: number;
  readonly max_backoff: number;
  /** Restarts within `window` ms after which the instance stays failed. */
  readonly limit: number;
  readonly window: number;
}

/** How long a call may take to let go of its slot after it was cancelled, before the instance counts as hung. */
const letGoMs = 30_000;
const healthEveryMs = 5_000;
const healthWithinMs = 20_000;

/** One instance slot of a model: makes an instance, watches it, replaces it when it dies, gives up when it dies too often. */
export class SupervisedInstance {
  readonly name: InstanceName;
  readonly #place: () => Promise<Placement>;
  readonly #policy: RestartPolicy;
  readonly #emit: Observer;
  readonly #log: Log;
  readonly #changed: () => void;
  readonly #failures: number[] = [];
  #placement: Placement | undefined;
  #loading: AbortController | undefined;
  #restart: NodeJS.Timeout | undefined;
  #health: NodeJS.Timeout | undefined;
  #state: InstanceState = 'stopped';
  #reason: string | undefined;
  #stopping = false;
  #facts: Facts | undefined;
  #tasks: readonly Task[] = [];
  /** Calls that hold a slot of this instance. */
  busy = 0;
  /** Counts up with every start, so that a slot given back after a restart is not given back twice. */
  generation = 0;

  constructor(
    name: InstanceName,
    place: () => Promise<Placement>,
    policy: RestartPolicy,
    emit: Observer,
    log: Log,
    changed: () => void,
  ) {
    this.name = name;
    this.#place = place;
    this.#policy = policy;
    this.#emit = emit;
    this.#log = log;
    this.#changed = changed;
  }

  get state(): InstanceState {
    return this.#state;
  }

  /** Why it is degraded or failed. */
  get reason(): string | undefined {
    return this.#reason;
  }

  /** What the last successful load told; undefined before the first. */
  get facts(): Facts | undefined {
    return this.#facts;
  }

  /** The tasks it had when it was last loaded. */
  get tasks(): readonly Task[] {
    return this.#tasks;
  }

  get slots(): number {
    return this.#facts?.slots ?? 1;
  }

  get serving(): boolean {
    return this.#state === 'ready' || this.#state === 'degraded';
  }

  /** It failed too often and waits for the operator. */
  get givenUp(): boolean {
    return this.#state === 'failed' && this.#restart === undefined;
  }

  get instance(): Placement['instance'] {
    if (!this.#placement) throw new Failure('not_ready', `${this.title} is not running`);
    return this.#placement.instance;
  }

  get title(): string {
    return `instance ${this.name.instance} of ${this.name.model}`;
  }

  /** Starts it, and resolves when it is ready or has failed for the first time. */
  async start(restart = false): Promise<void> {
    const generation = ++this.generation;
    this.#stopping = false;
    this.busy = 0;
    this.#restart = undefined;
    const begin = performance.now();
    const loading = new AbortController();
    this.#loading = loading;
    this.#become('loading', { restart });
    try {
      const placement = await this.#place();
      if (generation !== this.generation || this.#stopping) {
        await placement.close();
        return;
      }
      this.#placement = placement;
      void placement.died.then((reason) => this.#fail(generation, reason));
      this.#facts = await placement.instance.load(loading.signal);
      this.#tasks = tasks.filter((task) => placement.instance[task] !== undefined);
      if (generation !== this.generation || this.#stopping || this.#state !== 'loading') return;
      this.#become('ready', { loadMs: performance.now() - begin });
      this.#watch(generation);
    } catch (thrown) {
      await this.#fail(generation, Failure.from(thrown).message);
    }
  }

  /** Ends it for good. Calls must have ended or been aborted before; it has `graceMs` to unload. */
  stop(graceMs: number): Promise<void> {
    return this.#end('stopped', 'shutdown', graceMs);
  }

  /** As `stop`, until it is started again. */
  unload(cause: UnloadCause, graceMs: number): Promise<void> {
    return this.#end('unloaded', cause, graceMs);
  }

  async #end(to: 'stopped' | 'unloaded', cause: UnloadCause, graceMs: number): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#restart);
    clearTimeout(this.#health);
    if (this.#state === to) return;
    if (this.#state !== 'stopped' && this.#state !== 'unloaded') {
      this.#become('unloading', { cause });
      this.#loading?.abort();
      const placement = this.#placement;
      this.#placement = undefined;
      if (placement) await this.#unload(placement, graceMs);
    }
    this.#become(to, {});
  }

  /** A call was cancelled; if it never lets go of its slot the instance is hung, and is replaced. */
  expectRelease(released: Promise<unknown>): void {
    const generation = this.generation;
    const timer = setTimeout(
      () => this.#fail(generation, `a cancelled call had not stopped computing after ${letGoMs / 1000} s`),
      letGoMs,
    );
    timer.unref();
    void released.finally(() => clearTimeout(timer));
  }

  async #fail(generation: number, reason: string): Promise<void> {
    if (generation !== this.generation || this.#stopping || this.#state === 'failed') return;
    clearTimeout(this.#health);
    const placement = this.#placement;
    this.#placement = undefined;
    const now = Date.now();
    this.#failures.push(now);
    while (this.#failures.length > 0 && now - (this.#failures[0] as number) > this.#policy.window)
      this.#failures.shift();
    const failures = this.#failures.length;
    if (failures > this.#policy.limit) {
      const last = `${reason}; it failed ${failures} times within ${this.#policy.window / 1000} s and is not started again`;
      this.#become('failed', { reason: last });
    } else {
      const wait = backoffMs(this.#policy, failures);
      this.#restart = setTimeout(() => void this.start(true), wait);
      this.#become('failed', { reason: `${reason}; it starts again in ${(wait / 1000).toFixed(1)} s` });
    }
    if (placement) await this.#unload(placement, 1_000);
  }

  async #unload(placement: Placement, graceMs: number): Promise<void> {
    const late = Promise.withResolvers<'late'>();
    const timer = setTimeout(() => late.resolve('late'), graceMs);
    try {
      const how = await Promise.race([placement.instance.unload(), late.promise]);
      if (how === 'late') this.#log.warn({ ...this.name, grace_ms: graceMs }, 'instance did not unload in time');
      await placement.close();
    } catch (thrown) {
      this.#log.error({ ...this.name, err: thrown }, 'unload failed');
    } finally {
      clearTimeout(timer);
    }
  }

  #watch(generation: number): void {
    this.#health = setTimeout(async () => {
      const health = await this.#ask();
      if (generation !== this.generation || !this.serving) return;
      if (health.readings) this.#emit({ type: 'device', ...this.name, readings: health.readings });
      if (health.status === 'failed') {
        await this.#fail(generation, health.reason);
        return;
      }
      if (health.status !== this.#state) {
        this.#become(health.status, health.status === 'degraded' ? { reason: health.reason } : {});
      }
      this.#watch(generation);
    }, healthEveryMs);
    this.#health.unref();
  }

  async #ask(): Promise<Health> {
    const instance = this.#placement?.instance;
    if (!instance?.health) return { status: 'ready' };
    const silent = Promise.withResolvers<Health>();
    const timer = setTimeout(
      () => silent.resolve({ status: 'degraded', reason: `it has not answered for ${healthWithinMs / 1000} s` }),
      healthWithinMs,
    );
    try {
      return await Promise.race([instance.health(), silent.promise]);
    } catch (thrown) {
      return { status: 'degraded', reason: Failure.from(thrown).message };
    } finally {
      clearTimeout(timer);
    }
  }

  #become(to: InstanceState, more: { reason?: string; loadMs?: number; restart?: boolean; cause?: UnloadCause }): void {
    const from = this.#state;
    this.#state = to;
    this.#reason = more.reason;
    this.#emit({ type: 'instance_state', ...this.name, from, to, ...more });
    this.#changed();
  }
}

/** Exponential backoff with ±25 % jitter, so that instances that died together do not load together. */
function backoffMs({ backoff, max_backoff }: RestartPolicy, failures: number): number {
  return Math.min(backoff * 2 ** (failures - 1), max_backoff) * (0.75 + Math.random() / 2);
}
