import type { Rule } from '../rule.ts';
import { abort } from './abort.ts';
import { embed } from './embed.ts';
import { failure } from './failure.ts';
import { health } from './health.ts';
import { isolation } from './isolation.ts';
import { lifecycle, unloading } from './lifecycle.ts';
import { sampling } from './sampling.ts';
import { slots } from './slots.ts';
import { stream } from './stream.ts';
import { transcribe } from './transcribe.ts';

/** Every rule, in the order in which they run: each after those that it builds on. */
export const rules: readonly Rule[] = [
  ...lifecycle,
  ...stream,
  ...sampling,
  ...abort,
  slots,
  health,
  ...failure,
  ...embed,
  transcribe,
  isolation,
  unloading,
];
