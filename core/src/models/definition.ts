import type { Place } from '../instances/placement.ts';
import type { BackendKind, Dialect, Isolation, Log, Observer } from '../sdk/index.ts';
import type { MemoryBudget } from './memory.ts';
import type { RestartPolicy } from './supervised.ts';

/** A model as config.yaml says it, checked, with the backend that runs it. */
export interface ModelDefinition {
  readonly id: string;
  readonly aliases: readonly string[];
  readonly instances: number;
  readonly isolation: Isolation;
  readonly queue: { readonly size: number; readonly timeout: number };
  /** Absent: `as-is` for a model that relays, `separate` for the others. */
  readonly reasoning?: 'as-is' | 'separate' | 'raw' | 'hidden' | undefined;
  readonly dialect?: Dialect | undefined;
  readonly unsupported: 'refuse' | 'ignore';
  /** Request parameters that apply when the caller says nothing. */
  readonly defaults: Readonly<Record<string, unknown>>;
  /** Bytes that one loaded instance takes, as far as config.yaml says. */
  readonly memory?: number | undefined;
  /** Absent: loaded at the start, for as long as the server runs. ms. */
  readonly on_demand?: { readonly idle_timeout: number; readonly load_timeout: number } | undefined;
  /** Deadline of one call, ms. */
  readonly timeout: number;
  readonly restart: RestartPolicy;
  readonly options: unknown;
  readonly backend: {
    readonly name: string;
    readonly kind: BackendKind;
    readonly plugin: { readonly name: string; readonly url: string; readonly config: unknown };
  };
}

/** What a model needs of the server around it. */
export interface ModelSurroundings {
  readonly place: Place;
  readonly emit: Observer;
  readonly log: Log;
  readonly memory: MemoryBudget;
  /** The folder of config.yaml. */
  readonly directory: string;
}
