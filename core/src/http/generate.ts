import type { Model, ModelCall } from '../models/model.ts';
import { addUsage, Choice, type Generation } from '../openai/generation.ts';
import { type ChatEvent, Failure, type Log, type Media, type Usage } from '../sdk/index.ts';
// Not the kit's index: chat templates are the backends' business and would be loaded with it.
import { Finisher } from '../text/finish.ts';

/** Where the events of an answer go. */
export interface Reader {
  /** A promise means: wait, the reader is slow. */
  take(choice: number, event: ChatEvent): Promise<void> | undefined;
  /** A choice has to begin again. True: its client was told nothing of it, and what was taken is thrown away. */
  retract(choice: number): boolean;
}

/** A generation on its way through a model: its choices, finished, and what they used. */
export class Run {
  readonly #model: Model;
  readonly #generation: Generation;
  readonly #call: ModelCall;
  readonly #reader: Reader;
  /** By choice, from when it has begun. */
  readonly #finishers: Finisher[] = [];
  readonly #usages: (Usage | undefined)[] = [];
  /** Media by their place in the prompt, when there is more than one choice. */
  #shared: Map<number, { readonly url: string; readonly loading: Promise<Media> }> | undefined;

  constructor(model: Model, generation: Generation, call: ModelCall, reader: Reader) {
    this.#model = model;
    this.#generation = generation;
    this.#call = call;
    this.#reader = reader;
  }

  /** Of all choices, as far as it is known by now. */
  get usage(): Usage | undefined {
    const each = this.#finishers.map((finisher, choice) => this.#usages[choice] ?? finisher.usage);
    if (each.length === 1) return each[0];
    return each.some((usage) => usage !== undefined) ? addUsage(each, this.#generation.choicesPerPrompt) : undefined;
  }

  /**
   * Runs every choice, at most as many at once as the model has slots, and finishes what the engine says: stop strings,
   * reasoning, tool calls. Resolves with the usage of all of them. The first failure ends the others.
   */
  async end(): Promise<Usage> {
    const { requests } = this.#generation;
    if (requests.length === 1) await this.#choose(0, this.#call.signal);
    else await this.#chooseAll(requests.length);
    return this.usage ?? noUsage;
  }

  async #chooseAll(count: number): Promise<void> {
    const stop = new AbortController();
    const signal = AbortSignal.any([this.#call.signal, stop.signal]);
    let next = 0;
    const work = async (): Promise<void> => {
      while (next < count) await this.#choose(next++, signal);
    };
    try {
      await Promise.all(Array.from({ length: Math.min(this.#model.slots, count) }, work));
    } catch (thrown) {
      stop.abort(Failure.from(thrown));
      throw thrown;
    }
  }

  async #choose(choice: number, signal: AbortSignal): Promise<void> {
    const { task, requests, finishing } = this.#generation;
    const begin = (): Finisher => {
      const finisher = new Finisher(finishing);
      this.#finishers[choice] = finisher;
      this.#usages[choice] = undefined;
      return finisher;
    };
    let finisher = begin();
    const load: LoadMedia = (url, before) => this.#load(url, before);
    const call = new ChoiceCall(this.#call, signal, load, () => {
      if (!this.#reader.retract(choice)) return false;
      finisher = begin();
      return true;
    });
    for await (const event of this.#model.stream(task, requests[choice] as Generation['requests'][number], call)) {
      const events = finisher.push(event);
      // Most pushes give nothing or one event to a reader that keeps up: no promise for those.
      if (events.length > 0) await this.#give(choice, events);
      if (!finisher.stopped) continue;
      await this.#give(choice, finisher.close());
      break;
    }
  }

  /** All choices are shown the same: it is loaded once. Each has bytes of its own, since they may be transferred away. */
  async #load(url: string, before: number): Promise<Media> {
    if (this.#generation.requests.length === 1) return this.#call.media(url, before);
    this.#shared ??= new Map();
    let shared = this.#shared.get(before);
    if (shared?.url !== url) {
      shared = { url, loading: this.#call.media(url, before) };
      this.#shared.set(before, shared);
    }
    const media = await shared.loading;
    // Not by slice(), which of a Buffer is no copy.
    return { ...media, bytes: new Uint8Array(media.bytes) };
  }

  async #give(choice: number, events: readonly ChatEvent[]): Promise<void> {
    for (const event of events) {
      if (event.type === 'usage') this.#usages[choice] = event.usage;
      else await this.#reader.take(choice, event);
    }
  }
}

const noUsage: Usage = { promptTokens: 0, completionTokens: 0 };

type LoadMedia = (url: string, before: number) => Promise<Media>;

/** A call for one of the choices. */
class ChoiceCall implements ModelCall {
  readonly id: string;
  readonly principal: string;
  readonly signal: AbortSignal;
  readonly retract: () => boolean;
  readonly #whole: ModelCall;
  readonly #load: LoadMedia;
  /** Media so far. */
  #asked = 0;

  constructor(whole: ModelCall, signal: AbortSignal, load: LoadMedia, retract: () => boolean) {
    this.id = whole.id;
    this.principal = whole.principal;
    this.signal = signal;
    this.retract = () => {
      this.#asked = 0;
      return retract();
    };
    this.#whole = whole;
    this.#load = load;
  }

  get log(): Log {
    return this.#whole.log;
  }

  media(url: string): Promise<Media> {
    return this.#load(url, this.#asked++);
  }

  admitted(instance: number, waitedMs: number): void {
    this.#whole.admitted?.(instance, waitedMs);
  }
}

/** Gathers an answer that is not streamed: until it is whole its client is told nothing. */
export class Gathering implements Reader {
  readonly choices: Choice[];
  readonly #told: (event: ChatEvent) => void;

  /** `told` hears every event. */
  constructor({ requests }: Generation, told: (event: ChatEvent) => void) {
    this.choices = requests.map(() => new Choice());
    this.#told = told;
  }

  take(choice: number, event: ChatEvent): undefined {
    this.choices[choice]?.add(event);
    this.#told(event);
  }

  retract(choice: number): true {
    this.choices[choice] = new Choice();
    return true;
  }
}
