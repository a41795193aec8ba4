import type { Dialect, Granularity, Modality } from '../sdk/index.ts';

/** What the reader of a request needs to know of the model it names. */
export interface Target {
  /** As the client wrote it: an id or an alias. Replies carry it. */
  readonly name: string;
  readonly contextLength: number | undefined;
  readonly modalities: readonly Modality[];
  readonly timings: readonly Granularity[];
  /** Request parameters that the model honours, without those the core does itself. */
  readonly honoured: Pick<ReadonlySet<string>, 'has'>;
  readonly unsupported: 'refuse' | 'ignore';
  readonly defaults: Readonly<Record<string, unknown>>;
  readonly reasoning: 'as-is' | 'separate' | 'raw' | 'hidden';
  readonly dialect: Dialect | undefined;
}
