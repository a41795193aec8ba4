import { Failure, type Sampling, type TokenLogprob } from '@backplane/core/sdk';
import type { Token } from 'node-llama-cpp';
import type { Model } from './model.ts';
import type { Sampler } from './sampler.ts';

/** The engine hands over its whole vocabulary for every token, so only small ones can afford it. */
export const largestVocabulary = 8192;

/** What OpenAI sends for a probability of 0, since JSON has no infinity. */
const never = -9999;

type Entry = Omit<TokenLogprob, 'top_logprobs'>;

/**
 * Turns the engine's probabilities into the model's own. The engine reports them after temperature: for a full
 * distribution that is undone by p^temperature, normalised; after a truncation, a bias or a grammar it cannot be undone.
 */
export class Logprobs {
  readonly #model: Model;
  readonly #sampler: Sampler;
  readonly #top: number;

  private constructor(model: Model, sampler: Sampler, top: number) {
    this.#model = model;
    this.#sampler = sampler;
    this.#top = top;
  }

  /** undefined when the call asks for none. Throws where an honest answer is not to be had. */
  static for(request: Sampling, model: Model, sampler: Sampler, constrained: boolean): Logprobs | undefined {
    if (request.logprobs !== true) return undefined;
    if (model.vocabulary > largestVocabulary) {
      const param = request.top_logprobs ? 'top_logprobs' : 'logprobs';
      const message = `${param} needs a vocabulary of at most ${largestVocabulary} tokens; this model's has ${model.vocabulary}`;
      throw new Failure('unsupported_parameter', message, { param });
    }
    if (sampler.altered || constrained) {
      const message =
        'logprobs are the probabilities before sampling, which this engine cannot tell together with top_p, top_k, min_p, ' +
        'logit_bias, penalties, response_format or a required tool call: leave those out, or set temperature to 0 for the first three';
      throw new Failure('unsupported_parameter', message, { param: 'logprobs' });
    }
    return new Logprobs(model, sampler, request.top_logprobs ?? 0);
  }

  of(token: Token, probabilities: ReadonlyMap<Token, number> = new Map()): TokenLogprob {
    const { greedy, temperature } = this.#sampler;
    const power = greedy ? 1 : temperature;
    let total = 0;
    for (const p of probabilities.values()) total += p ** power;
    const shift = Math.log(total);
    const entry = (id: Token, p: number): Entry => {
      const text = this.#model.weights.detokenize([id], true);
      const logprob = p > 0 ? Math.max(never, power * Math.log(p) - shift) : never;
      return { token: text, logprob, bytes: text.includes('\uFFFD') ? null : [...Buffer.from(text)] };
    };
    const top: Entry[] = [];
    for (const [id, p] of probabilities) {
      if (top.length === this.#top) break;
      top.push(entry(id, p));
    }
    return { ...entry(token, probabilities.get(token) ?? 0), top_logprobs: top };
  }
}
