import { place } from '../instances/place.ts';
import type { Placement } from '../instances/placement.ts';
import type { Isolation } from '../sdk/index.ts';
import { within } from './deadline.ts';
import { LoadedModel } from './model.ts';
import { Violation } from './rule.ts';
import { silent } from './silent.ts';
import type { CheckedSubject } from './subject.ts';

export interface Limits {
  /** What one rule may take, loading included, in ms. */
  readonly timeoutMs: number;
  /** What "soon" means where a call is aborted or health is asked, in ms. */
  readonly soonMs: number;
}

/** What an instance gets to come back between rules, in ms; whether it does is a rule of its own. */
const unloadsWithin = 3_000;

/** What a rule works with: the subject, and instances of it that the kit unloads. At most one is loaded at a time. */
export class Trial {
  readonly subject: CheckedSubject;
  readonly limits: Limits;
  readonly #placed = new Set<Placement>();
  #model: Promise<LoadedModel> | undefined;
  #death = Promise.withResolvers<never>();

  constructor(subject: CheckedSubject, limits: Limits) {
    this.subject = subject;
    this.limits = limits;
    this.#death.promise.catch(() => {});
  }

  /** Rejects when an instance dies that nobody asked to end. */
  get death(): Promise<never> {
    return this.#death.promise;
  }

  /** A new instance that is not loaded. */
  async place(isolation: Isolation = this.subject.isolation): Promise<Placement> {
    const { plugin, kind, options, directory, subject } = this.subject;
    const spec = { id: 'conformance', options, directory };
    const placement = await place({ plugin, backend: subject.backend, spec, index: 0, isolation }, kind, silent);
    this.#placed.add(placement);
    void placement.died.then((reason) => {
      if (this.#placed.has(placement)) this.#death.reject(new Violation(`the instance died: ${reason}`));
    });
    return placement;
  }

  /** The loaded instance that rules share, so that a large model is not loaded for each of them. */
  model(): Promise<LoadedModel> {
    if (!this.#model) {
      this.#model = this.#load();
      this.#model.catch(() => {});
    }
    return this.#model;
  }

  /** A loaded instance for one rule; what was loaded before is unloaded first. */
  async loadAnew(isolation: Isolation = this.subject.isolation): Promise<LoadedModel> {
    await this.release();
    return this.#load(isolation);
  }

  async #load(isolation?: Isolation): Promise<LoadedModel> {
    const placement = await this.place(isolation);
    const facts = await placement.instance.load(new AbortController().signal);
    return new LoadedModel(placement, facts, this.subject.prompts);
  }

  /** Unloads and closes every instance. One that does not come back is abandoned, as the core would. */
  async release(): Promise<void> {
    this.#model = undefined;
    const placed = [...this.#placed];
    this.#placed.clear();
    const patience = Math.min(this.limits.timeoutMs, unloadsWithin);
    const late = () => new Error('it did not come back');
    for (const { instance, close } of placed) {
      await within(patience, Promise.resolve(instance.unload()), late).catch(() => {});
      await within(patience, close(), late).catch(() => {});
    }
    this.#death = Promise.withResolvers<never>();
    this.#death.promise.catch(() => {});
  }
}
