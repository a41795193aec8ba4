import type {
  Counter,
  CounterConfiguration,
  Gauge,
  GaugeConfiguration,
  Histogram,
  HistogramConfiguration,
} from 'prom-client';
import type { DeviceReadings } from './backend.ts';
import type { FinishReason, Usage } from './chat.ts';
import type { FailureCode } from './failure.ts';

/** Never give it a prompt, an answer or a key: log lines leave the machine. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: object): Log;
}

/** Metrics of one plugin: names get the prefix `backplane_<plugin>_`. Label values come from config only, never from a request. */
export interface Meter {
  counter<L extends string>(config: CounterConfiguration<L>): Counter<L>;
  gauge<L extends string>(config: GaugeConfiguration<L>): Gauge<L>;
  histogram<L extends string>(config: HistogramConfiguration<L>): Histogram<L>;
}

/** What a client asked for: the task, or `other` for routes that call no model. */
export type Operation =
  | 'chat'
  | 'completions'
  | 'embeddings'
  | 'rerank'
  | 'score'
  | 'tokenize'
  | 'detokenize'
  | 'transcriptions'
  | 'responses'
  | 'other';

/** How a reply travels: `relay`, an upstream's bytes as they are, or `event`, encoded by the core. */
export type Lane = 'relay' | 'event';

/** How a call ended, as metrics name it. */
export type Outcome = 'ok' | 'client_error' | 'cancelled' | 'timeout' | 'rejected' | 'backend_error';

/** `unloaded`: on demand, it is loaded when a call needs it. `stopped`: it is not. */
export const instanceStates = ['stopped', 'unloaded', 'loading', 'ready', 'degraded', 'unloading', 'failed'] as const;
export type InstanceState = (typeof instanceStates)[number];

/** Why an instance is unloaded: nobody used it for long enough, another model needed its memory, the server ends. */
export const unloadCauses = ['idle', 'memory', 'shutdown'] as const;
export type UnloadCause = (typeof unloadCauses)[number];

/** Which instance; `model` and `backend` are names from config.yaml. */
export interface InstanceName {
  readonly model: string;
  readonly backend: string;
  readonly instance: number;
}

/**
 * What happened to a call or an instance. A call's signals come in this order: `received`, `queued`, `admitted`,
 * `output`*, then exactly one `settled`; one that fails early skips what it did not reach. `n: 2` makes two
 * queued/admitted pairs. Every `queued` is followed by `admitted` or `dequeued`, every `admitted` by `released`.
 */
export type Signal =
  | { readonly type: 'received'; readonly call: string; readonly operation: Operation }
  | { readonly type: 'queued'; readonly call: string; readonly model: string; readonly backend: string }
  | { readonly type: 'dequeued'; readonly call: string; readonly model: string; readonly backend: string }
  | ({ readonly type: 'admitted'; readonly call: string; readonly waitedMs: number } & InstanceName)
  | ({ readonly type: 'released'; readonly call: string } & InstanceName)
  | {
      /** A piece of output was made; `first` marks the end of the prefill. `sinceMs`: since the call's last output, or its arrival. */
      readonly type: 'output';
      readonly call: string;
      readonly model: string;
      readonly backend: string;
      readonly first: boolean;
      readonly sinceMs: number;
    }
  | ({ readonly type: 'retried'; readonly call: string; readonly code: FailureCode } & InstanceName)
  | Settled
  | {
      readonly type: 'auth_failed';
      readonly call: string;
      /** Header name of the scheme that refused, or `none`. */
      readonly scheme: string;
      readonly reason: 'missing' | 'wrong' | 'duplicate';
    }
  | ({
      readonly type: 'instance_state';
      readonly from: InstanceState;
      readonly to: InstanceState;
      /** Why, when `to` is degraded or failed. */
      readonly reason?: string;
      /** Time from create to ready, when `to` is ready for the first time. */
      readonly loadMs?: number;
      /** Why, when `to` is unloading. */
      readonly cause?: UnloadCause;
      /** True when this loading follows a crash or a failed load. */
      readonly restart?: boolean;
    } & InstanceName)
  /** What an instance's device said of itself, every few seconds. */
  | ({ readonly type: 'device'; readonly readings: DeviceReadings } & InstanceName);

/** The last word on a call. */
export interface Settled {
  readonly type: 'settled';
  readonly call: string;
  readonly operation: Operation;
  readonly method: string;
  /** The route's pattern, never the path the client sent. */
  readonly route: string;
  readonly status: number;
  readonly outcome: Outcome;
  readonly stream: boolean;
  /** Absent when the call did not come as far as a lane. */
  readonly lane?: Lane;
  readonly totalMs: number;
  readonly principal?: string;
  /** Absent when no configured model was named. */
  readonly model?: string;
  readonly backend?: string;
  readonly instance?: number;
  readonly queueMs?: number;
  readonly ttftMs?: number;
  readonly usage?: Usage;
  readonly finishReason?: FinishReason;
  readonly code?: FailureCode;
  /** The failure's sentence. */
  readonly reason?: string;
}

/** Called synchronously and never awaited. One that throws is logged once and dropped: metrics can never break a call. */
export type Observer = (signal: Signal) => void;
