import type { Usage } from './chat.ts';

/** What a stretch of speech can be timed by. */
export const granularities = ['segment', 'word'] as const;
export type Granularity = (typeof granularities)[number];

/** Recorded speech, as the client sent it: nobody has looked into it yet. */
export interface Recording {
  readonly bytes: Uint8Array;
  /** What the client says it is, e.g. `audio/wav`; empty when it does not say. */
  readonly mime: string;
  /** The file's name, whose extension some decoders go by; no path. */
  readonly name: string;
}

export interface TranscribeRequest {
  readonly model: string;
  readonly audio: Recording;
  /** ISO 639-1, e.g. `en`; absent: to be found out. */
  readonly language?: string;
  /** Text that the speech goes on from, or words it may have. */
  readonly prompt?: string;
  /** 0 to 1; absent: the model's default. */
  readonly temperature?: number;
  /** What the transcript must be timed by; only what the model's facts name under `timings`. */
  readonly timings: readonly Granularity[];
  /** Fields the core does not know, kept verbatim. */
  readonly extra: Readonly<Record<string, unknown>>;
}

/** Seconds from the beginning of the recording. */
export interface Stretch {
  readonly start: number;
  readonly end: number;
}

export interface Segment extends Stretch {
  readonly text: string;
  /** What Whisper says of its own work; a backend gives those it has. */
  readonly tokens?: readonly number[];
  readonly temperature?: number;
  readonly avg_logprob?: number;
  readonly compression_ratio?: number;
  readonly no_speech_prob?: number;
}

export interface Transcript {
  readonly text: string;
  /** As the model names it; absent when it does not say. */
  readonly language?: string;
  /** Length of the recording in seconds. */
  readonly duration?: number;
  /** In order; there when `timings` asked for `segment`. */
  readonly segments?: readonly Segment[];
  /** In order; there when `timings` asked for `word`. */
  readonly words?: readonly (Stretch & { readonly word: string })[];
  /** Where the model counts tokens. */
  readonly usage?: Usage;
}
