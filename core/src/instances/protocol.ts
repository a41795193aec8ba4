import type {
  ChatEvent,
  ChatRequest,
  CompletionRequest,
  EmbedRequest,
  EmbedResult,
  Facts,
  FailureJson,
  Health,
  Media,
  Task,
  TranscribeRequest,
  Transcript,
} from '../sdk/index.ts';
import type { Blueprint } from './placement.ts';

/** What the server says to an isolated instance. `call` numbers a call on this channel. */
export type ToInstance =
  | { readonly type: 'load'; readonly blueprint: Blueprint }
  | {
      readonly type: 'call';
      readonly call: number;
      readonly id: string;
      readonly task: Task;
      readonly request: ChatRequest | CompletionRequest | EmbedRequest | TranscribeRequest;
      /** In memory that both sides share, where they can: set before `cancel` is sent. */
      readonly cancelled?: Int32Array;
    }
  /** That many events were consumed: the sender may go on. */
  | { readonly type: 'consumed'; readonly call: number; readonly events: number }
  | { readonly type: 'cancel'; readonly call: number }
  | { readonly type: 'media'; readonly fetch: number; readonly media?: Media; readonly failure?: FailureJson }
  | { readonly type: 'health' }
  | { readonly type: 'unload' };

/** What it answers. Every `call` ends with exactly one `end`, `result` or `failed`. */
export type FromInstance =
  | { readonly type: 'loaded'; readonly facts: Facts; readonly tasks: readonly Task[] }
  | { readonly type: 'load_failed'; readonly failure: FailureJson }
  | { readonly type: 'event'; readonly call: number; readonly event: ChatEvent }
  | { readonly type: 'end'; readonly call: number }
  | { readonly type: 'result'; readonly call: number; readonly result: EmbedResult | Transcript }
  | { readonly type: 'failed'; readonly call: number; readonly failure: FailureJson }
  | { readonly type: 'media'; readonly fetch: number; readonly call: number; readonly url: string }
  | { readonly type: 'health'; readonly health: Health }
  | { readonly type: 'ended'; readonly reason: string }
  | { readonly type: 'unloaded' }
  | {
      readonly type: 'log';
      readonly level: 'debug' | 'info' | 'warn' | 'error';
      readonly fields: object;
      readonly message: string;
    };

/** Events that one call may have under way, so that a slow reader bounds memory on both sides. */
export const window = 128;

/** One end of a channel: a MessagePort, or the IPC channel of a child process. */
export interface Port<Out, In> {
  /** Whether memory can be shared over it. */
  readonly shares?: boolean;
  /** `transfer`: memory that moves instead of being copied, where the other end is in the same process. */
  post(message: Out, transfer?: readonly ArrayBuffer[]): void;
  /** At most one listener. */
  listen(receive: (message: In) => void): void;
}
