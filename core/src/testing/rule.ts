import type { Task } from '../sdk/index.ts';
import type { Trial } from './trial.ts';

/** One promise of the contract that can be checked from outside, on any backend. */
export interface Rule {
  /** Lower-case words with hyphens; stable, since waivers and reports name it. */
  readonly name: string;
  /** What holds when it passes. */
  readonly sentence: string;
  /** It is about these tasks and runs once for each that the model has; absent: it runs once for the model. */
  readonly tasks?: readonly Task[];
  /** Rules without which this one says nothing: where one of them failed, this one does not apply. */
  readonly after?: readonly string[];
  /** Throws a `Violation`, or `NotApplicable`; anything else thrown is a violation as well. */
  run(trial: Trial, task: Task): Promise<void>;
}

/** The rule is broken; the message is a sentence that says how. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

/** The model cannot show whether the rule holds; the message is a sentence that says why. */
export class NotApplicable extends Error {
  override readonly name = 'NotApplicable';
}

/** Throws a violation unless the condition holds. */
export function must(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new Violation(otherwise);
}

/** Throws `NotApplicable` unless the condition holds. */
export function given(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new NotApplicable(otherwise);
}
