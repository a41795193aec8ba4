import type { ModelSpec } from './backend.ts';

/** One thing that `backplane doctor` looked at, in sentences without a key, a token or a password. */
export interface Finding {
  /** `warning`: it runs, and somebody should look at it. `problem`: what config.yaml asks for will not run. */
  readonly status: 'ok' | 'warning' | 'problem';
  readonly what: string;
  /** What to do about it. */
  readonly fix?: string;
}

/** A model of config.yaml whose backend the plugin contributes, its options checked by that backend's schema. */
export interface ExaminedModel extends ModelSpec<unknown> {
  readonly backend: string;
}

export interface Examined {
  readonly models: readonly ExaminedModel[];
  /** Aborts when the time for looking is over. */
  readonly signal: AbortSignal;
}

/** Says what a plugin needs of the machine and whether it is there. May start programs and ask servers; leaves nothing behind. */
export type Examination = (examined: Examined) => Promise<readonly Finding[]>;
