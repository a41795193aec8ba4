import type { Task } from '../sdk/index.ts';
import { within } from './deadline.ts';
import { NotApplicable, type Rule, Violation } from './rule.ts';
import { rules } from './rules/index.ts';
import { checkSubject, type Subject } from './subject.ts';
import { Trial } from './trial.ts';

export interface Options {
  /** What one rule may take, loading included, in ms; absent: 60000. */
  readonly timeoutMs?: number;
  /** What "soon" means in the rules, in ms; absent: 1000. */
  readonly soonMs?: number;
  /** Rules that are known not to hold, by name, each with the reason; they are reported as not applicable. */
  readonly waived?: Readonly<Record<string, string>>;
}

export interface Result {
  readonly rule: string;
  readonly sentence: string;
  readonly status: 'passed' | 'failed' | 'not applicable';
  /** Why it failed or does not apply. */
  readonly why?: string;
  readonly ms: number;
}

type Verdict = Pick<Result, 'status' | 'why'>;

/** One subject on its way through the rules: they share a loaded instance, until one fails. */
export class Session {
  readonly #trial: Trial;
  readonly #waived: Readonly<Record<string, string>>;
  /** Rules that failed, or could not be tried because of one that did. */
  readonly #open = new Set<string>();

  private constructor(trial: Trial, waived: Readonly<Record<string, string>>) {
    this.#trial = trial;
    this.#waived = waived;
  }

  /** Throws when the subject itself is wrong, or a waiver names no rule. */
  static async open(subject: Subject, options: Options = {}): Promise<Session> {
    const unknown = Object.keys(options.waived ?? {}).find((waiver) => !rules.some(({ name }) => name === waiver));
    if (unknown !== undefined) throw new Error(`there is no rule "${unknown}" to waive`);
    const limits = { timeoutMs: options.timeoutMs ?? 60_000, soonMs: options.soonMs ?? 1_000 };
    return new Session(new Trial(await checkSubject(subject), limits), options.waived ?? {});
  }

  async run(rule: Rule): Promise<Result> {
    const begin = performance.now();
    const verdict = await this.#judge(rule);
    return { rule: rule.name, sentence: rule.sentence, ...verdict, ms: Math.round(performance.now() - begin) };
  }

  close(): Promise<void> {
    return this.#trial.release();
  }

  async #judge(rule: Rule): Promise<Verdict> {
    const waiver = this.#waived[rule.name];
    if (waiver !== undefined) return { status: 'not applicable', why: `waived: ${waiver}` };
    const needed = rule.after?.find((name) => this.#open.has(name));
    if (needed !== undefined) {
      this.#open.add(rule.name);
      return { status: 'not applicable', why: `it says nothing while ${needed} does not hold` };
    }
    const { timeoutMs } = this.#trial.limits;
    const running = this.#run(rule);
    running.catch(() => {});
    const late = () => new Violation(`it was not done after ${timeoutMs / 1000} s`);
    try {
      return await within(timeoutMs, Promise.race([running, this.#trial.death]), late);
    } catch (thrown) {
      this.#open.add(rule.name);
      // What the next rule finds must not depend on what this one left.
      await this.#trial.release();
      return { status: 'failed', why: reason(thrown) };
    }
  }

  async #run(rule: Rule): Promise<Verdict> {
    if (!rule.tasks) return attempt(() => rule.run(this.#trial, 'chat'));
    const { instance } = await this.#trial.model();
    const tasks = rule.tasks.filter((task) => instance[task] !== undefined);
    if (tasks.length === 0) return { status: 'not applicable', why: `the model has no ${rule.tasks.join(' and no ')}` };
    const verdicts: Verdict[] = [];
    for (const task of tasks) verdicts.push(await attempt(() => rule.run(this.#trial, task), task));
    return verdicts.find(({ status }) => status === 'passed') ?? (verdicts[0] as Verdict);
  }
}

async function attempt(run: () => Promise<void>, task?: Task): Promise<Verdict> {
  const prefix = task === undefined ? '' : `${task}: `;
  try {
    await run();
    return { status: 'passed' };
  } catch (thrown) {
    if (thrown instanceof NotApplicable) return { status: 'not applicable', why: prefix + thrown.message };
    throw new Violation(prefix + reason(thrown), { cause: thrown });
  }
}

function reason(thrown: unknown): string {
  if (thrown instanceof Violation) return thrown.message;
  return `the backend threw ${thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown)}`;
}
