import type { Placement } from '../instances/placement.ts';
import {
  type Call,
  type EmbedResult,
  type Facts,
  Failure,
  type Sampling,
  type Task,
  type TextTask,
  type Transcript,
} from '../sdk/index.ts';
import { Answer } from './answer.ts';
import { given } from './rule.ts';
import { silent } from './silent.ts';

/** Long enough to be aborted in the middle, short enough for twenty rules. */
const answerTokens = 96;

/** A loaded instance, and how the rules ask it. */
export class LoadedModel {
  readonly placement: Placement;
  readonly facts: Facts;
  readonly prompts: readonly [string, ...string[]];
  readonly #answers = new Map<TextTask, Promise<ReadonlyMap<string, Answer>>>();
  #calls = 0;

  constructor(placement: Placement, facts: Facts, prompts: readonly [string, ...string[]]) {
    this.placement = placement;
    this.facts = facts;
    this.prompts = prompts;
  }

  get instance() {
    return this.placement.instance;
  }

  get slots(): number {
    return this.facts.slots ?? 1;
  }

  honours(parameter: keyof Sampling | 'response_format' | 'chat_template_kwargs'): boolean {
    const { parameters } = this.facts;
    return parameters === 'any' || (parameters?.includes(parameter) ?? false);
  }

  /** Asks with as much of `sampling` as the model honours, as the core does. */
  stream(task: Task, prompt: string | readonly number[], sampling: Sampling = {}, signal?: AbortSignal) {
    const honoured = Object.fromEntries(
      Object.entries(sampling).filter(([name]) => this.honours(name as keyof Sampling)),
    );
    const request = { model: 'conformance', extra: {}, ...honoured };
    const call = this.call(signal);
    const { instance } = this;
    // Called on the instance: methods of a class need their `this`.
    if (task === 'complete') return (instance as Required<typeof instance>).complete({ ...request, prompt }, call);
    const messages = [{ role: 'user' as const, content: String(prompt) }];
    return (instance as Required<typeof instance>).chat({ ...request, messages }, call);
  }

  ask(task: Task, prompt: string, sampling: Sampling = {}, signal?: AbortSignal): Promise<Answer> {
    return Answer.of(this.stream(task, prompt, sampling, signal));
  }

  async embed(input: readonly (string | readonly number[])[]): Promise<EmbedResult> {
    const { instance } = this;
    return (instance as Required<typeof instance>).embed({ model: 'conformance', input, extra: {} }, this.call());
  }

  /** Asks with all the timings that the model has. `bytes`: of a file `speech.wav`. */
  async transcribe(bytes: Uint8Array): Promise<Transcript> {
    const { instance, facts } = this;
    const audio = { bytes, mime: 'audio/wav', name: 'speech.wav' };
    const request = { model: 'conformance', audio, timings: facts.timings ?? [], extra: {} };
    return (instance as Required<typeof instance>).transcribe(request, this.call());
  }

  call(signal: AbortSignal = new AbortController().signal): Call {
    return {
      id: `conformance-${this.#calls++}`,
      signal,
      log: silent,
      media: () => Promise.reject(new Failure('media_rejected', 'the conformance kit loads no media')),
    };
  }

  /** The most predictable way to ask: the same question must get the same answer, if the model can be asked so. */
  get greedy(): Sampling {
    return { temperature: 0, max_tokens: answerTokens };
  }

  /** What it says, asked alone, to every prompt. */
  answers(task: Task): Promise<ReadonlyMap<string, Answer>> {
    const text = task as TextTask;
    let answers = this.#answers.get(text);
    if (!answers) {
      answers = this.#askAll(text);
      answers.catch(() => {});
      this.#answers.set(text, answers);
    }
    return answers;
  }

  /** The prompt with the longest answer, and that answer. */
  async longest(task: Task): Promise<readonly [prompt: string, answer: Answer]> {
    const answers = [...(await this.answers(task))];
    return answers.reduce((longest, next) => (next[1].pieces.length > longest[1].pieces.length ? next : longest));
  }

  /** Throws `NotApplicable` where answers may differ from call to call. */
  mustRepeat(): void {
    given(this.honours('temperature'), 'the model does not honour temperature, so its answers need not repeat');
  }

  async #askAll(task: TextTask): Promise<ReadonlyMap<string, Answer>> {
    const answers = new Map<string, Answer>();
    for (const prompt of this.prompts) answers.set(prompt, await this.ask(task, prompt, this.greedy));
    return answers;
  }
}
