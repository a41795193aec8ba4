import type { Facts, InstanceState, Task, UnloadCause } from '../sdk/index.ts';
import type { ModelDefinition, ModelSurroundings } from './definition.ts';
import { SupervisedInstance } from './supervised.ts';

/** How long an instance may take to unload while the server goes on, before its place is ended. ms. */
const unloadGraceMs = 15_000;

export interface InstanceStatus {
  readonly instance: number;
  readonly state: InstanceState;
  readonly reason?: string;
  readonly busy: number;
  readonly slots: number;
}

/** States from the one that says most about a group to the one that says least. */
const best: readonly InstanceState[] = ['ready', 'degraded', 'loading', 'failed', 'unloading', 'unloaded', 'stopped'];

/** The instances of one model, which are started and ended together. */
export class InstanceGroup {
  readonly all: readonly SupervisedInstance[];

  /** `changed` is called when one of them has changed its state. */
  constructor(
    { id, backend, options, isolation, restart, instances }: ModelDefinition,
    { place, emit, log, directory }: Omit<ModelSurroundings, 'memory'>,
    changed: () => void,
  ) {
    const name = { model: id, backend: backend.name };
    const { name: plugin, url, config } = backend.plugin;
    this.all = Array.from({ length: instances }, (_, index) => {
      const instanceLog = log.child({ ...name, instance: index });
      const blueprint = {
        plugin: { name: plugin, url, config },
        backend: backend.name,
        spec: { id, options, directory },
        index,
        isolation,
      };
      return new SupervisedInstance(
        { ...name, instance: index },
        () => place(blueprint, backend.kind, instanceLog),
        restart,
        emit,
        log,
        changed,
      );
    });
  }

  /** What the model told when it was loaded last; undefined before the first time. */
  get facts(): Facts | undefined {
    return this.all.find((instance) => instance.facts)?.facts;
  }

  get tasks(): readonly Task[] {
    return this.all.find((instance) => instance.facts)?.tasks ?? [];
  }

  /** Slots of all of them together. */
  get slots(): number {
    return this.all.reduce((sum, instance) => sum + instance.slots, 0);
  }

  /** Whether one of them computes. */
  get busy(): boolean {
    return this.all.some(({ busy }) => busy > 0);
  }

  /** None of them will come back by itself. */
  get givenUp(): boolean {
    return this.all.every(({ givenUp }) => givenUp);
  }

  /** Why one of them is degraded or failed. */
  get reason(): string | undefined {
    return this.all.find(({ reason }) => reason)?.reason;
  }

  /** The best any of them can say. */
  get state(): InstanceState {
    return best.find((state) => this.all.some((instance) => instance.state === state)) ?? 'stopped';
  }

  get status(): readonly InstanceStatus[] {
    return this.all.map(({ name, state, reason, busy, slots }) => ({
      instance: name.instance,
      state,
      ...(reason !== undefined && { reason }),
      busy,
      slots,
    }));
  }

  /** Resolves when each is ready or has failed once. */
  async start(): Promise<void> {
    await Promise.all(this.all.map((instance) => instance.start()));
  }

  /** Takes them down until they are started again. */
  async unload(cause: UnloadCause): Promise<void> {
    await Promise.all(this.all.map((instance) => instance.unload(cause, unloadGraceMs)));
  }

  async stop(graceMs: number): Promise<void> {
    await Promise.all(this.all.map((instance) => instance.stop(graceMs)));
  }
}
