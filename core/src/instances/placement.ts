import type { BackendKind, Instance, Isolation, Log, ModelSpec } from '../sdk/index.ts';

/** Everything that is needed to make one instance, in data that survives a structured clone. */
export interface Blueprint {
  readonly plugin: { readonly name: string; readonly url: string; readonly config: unknown };
  readonly backend: string;
  readonly spec: ModelSpec<unknown>;
  readonly index: number;
  readonly isolation: Isolation;
}

/** One instance in its place. The contract is the same wherever it runs; only the ways it can die differ. */
export interface Placement {
  /** In a thread or a process, its task methods appear when `load` has resolved. */
  readonly instance: Instance;
  /** Resolves, with a sentence, when it died without being asked to. */
  readonly died: Promise<string>;
  /** Ends the place after `unload`, or instead of it when that did not come back. Idempotent. */
  close(): Promise<void>;
}

/** How a place of one isolation is made. `kind` is the backend as the server's own setup contributed it, for `inline`. */
export type Place = (blueprint: Blueprint, kind: BackendKind, log: Log) => Promise<Placement>;
