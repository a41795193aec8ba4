import { Failure, type Sampling, type TokenLogprob } from '@backplane/core/sdk';
import { type Candidate, largest, sorted } from './candidates.ts';
import type { SamplingDefaults } from './model-config.ts';
import { randomNumbers } from './random.ts';
import { drawToken, largestLogit, likeliestShare, totalWeight, weight } from './softmax.ts';
import type { Tokenizer } from './tokenizer.ts';

/** Temperatures this low draw the likeliest token anyway. */
const greedyBelow = 1e-4;
/** What OpenAI sends for a probability of 0. */
const never = -9_999;

/** Of a power of e. */
const rounding = 1e-6;

/** How one answer's tokens are drawn. Order: penalties, bias, top_k, temperature, top_p, min_p. */
export class Sampler {
  readonly #request: Sampling;
  readonly #temperature: number;
  readonly #topP: number;
  readonly #topK: number;
  readonly #minP: number;
  readonly #repetition: number;
  readonly #bias: readonly (readonly [id: number, bias: number])[];
  readonly #random: () => number;
  /** All tokens so far, and how often each was generated. */
  readonly #counts = new Map<number, number>();

  /** What the request leaves open is as the model's own generation_config.json has it. */
  constructor(request: Sampling, defaults: SamplingDefaults, prompt: Iterable<number>, vocabulary: number) {
    this.#request = request;
    this.#temperature = request.temperature ?? defaults.temperature ?? 1;
    this.#topP = request.top_p ?? defaults.top_p ?? 1;
    this.#topK = Math.max(0, request.top_k ?? defaults.top_k ?? 0);
    this.#minP = request.min_p ?? 0;
    this.#repetition = request.repetition_penalty ?? defaults.repetition_penalty ?? 1;
    this.#bias = Object.entries(request.logit_bias ?? {}).map(([id, bias]) => [biased(id, vocabulary), bias]);
    this.#random = randomNumbers(request.seed);
    for (const id of prompt) this.#counts.set(id, 0);
  }

  /** Whether it must see the logits; else the likeliest token is all it asks for. */
  get needsLogits(): boolean {
    const { presence_penalty: presence = 0, frequency_penalty: frequency = 0, logprobs } = this.#request;
    const penalised = this.#repetition !== 1 || presence !== 0 || frequency !== 0;
    return this.#temperature >= greedyBelow || penalised || this.#bias.length > 0 || logprobs === true;
  }

  /** The next token. Changes the logits. */
  draw(logits: Float32Array): number {
    this.#adjust(logits);
    if (this.#temperature < greedyBelow) return (usable(largest(logits, 1))[0] as Candidate).id;
    const candidates = this.#candidates(logits);
    return candidates ? this.#drawOf(candidates) : this.#drawOfAll(logits);
  }

  /** Tells the penalties of a token that was drawn. */
  drawn(id: number): void {
    this.#counts.set(id, (this.#counts.get(id) ?? 0) + 1);
  }

  #adjust(logits: Float32Array): void {
    const { presence_penalty: presence = 0, frequency_penalty: frequency = 0 } = this.#request;
    if (this.#repetition !== 1 || presence !== 0 || frequency !== 0) {
      for (const [id, count] of this.#counts) {
        const logit = logits[id] as number;
        const repeated = logit < 0 ? logit * this.#repetition : logit / this.#repetition;
        logits[id] = repeated - (count > 0 ? presence + frequency * count : 0);
      }
    }
    for (const [id, bias] of this.#bias) logits[id] = (logits[id] as number) + bias;
  }

  /** Among which tokens it is drawn; undefined where that is all of them. */
  #candidates(logits: Float32Array): Candidates | undefined {
    const weigh = (tokens: readonly Candidate[]): number[] =>
      tokens.map(({ logit }) => weight(logit, (tokens[0] as Candidate).logit, this.#temperature));
    if (this.#topK > 0) {
      const tokens = usable(largest(logits, this.#topK));
      const weights = weigh(tokens);
      return { tokens, weights, total: sum(weights) };
    }
    if (this.#topP === 1 && this.#minP === 0) return undefined;
    const top = usableTop(logits);
    const { least, total } = likeliestShare(logits, top, this.#temperature, this.#topP);
    const leastOfMinP = top + (Math.log(this.#minP) - rounding) * this.#temperature;
    const tokens = sorted(logits, Math.max(least, leastOfMinP));
    return { tokens, weights: weigh(tokens), total };
  }

  #drawOf({ tokens, weights, total }: Candidates): number {
    const kept = this.#kept(weights, total);
    let rest = this.#random() * sum(weights.slice(0, kept));
    for (let index = 0; index < kept; index++) {
      rest -= weights[index] as number;
      if (rest < 0) return (tokens[index] as Candidate).id;
    }
    return (tokens[kept - 1] as Candidate).id;
  }

  #drawOfAll(logits: Float32Array): number {
    return drawToken(logits, usableTop(logits), this.#temperature, this.#random());
  }

  /** How many of the weights, which descend from 1, top_p (a share of `total`) and min_p leave. At least one. */
  #kept(weights: readonly number[], total: number): number {
    let kept = weights.length;
    if (this.#topP < 1) {
      let reached = 0;
      const last = weights.findIndex((weight) => {
        reached += weight;
        return reached >= this.#topP * total;
      });
      kept = last + 1 || weights.length;
    }
    while (kept > 1 && (weights[kept - 1] as number) < this.#minP) kept--;
    return kept;
  }
}

interface Candidates {
  /** Likeliest first. */
  readonly tokens: readonly Candidate[];
  /** Of each of them, from 1 downwards. */
  readonly weights: readonly number[];
  /** Of all that top_p takes its share of. */
  readonly total: number;
}

const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);

/** A token's natural log probability as the model has it, before penalties and temperature, and the likeliest beside it. */
export class Logprobs {
  readonly #tokenizer: Tokenizer;
  readonly #logits: Float32Array;
  readonly #shift: number;

  /** Keeps a copy of the logits. */
  constructor(logits: Float32Array, tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
    this.#logits = logits.slice();
    const top = largestLogit(logits);
    this.#shift = top + Math.log(totalWeight(logits, top, 1));
  }

  of(id: number, alternatives: number): TokenLogprob {
    const top = alternatives > 0 ? largest(this.#logits, alternatives).map(({ id }) => this.#entry(id)) : [];
    return { ...this.#entry(id), top_logprobs: top };
  }

  #entry(id: number): Omit<TokenLogprob, 'top_logprobs'> {
    const bytes = this.#tokenizer.bytes(id) ?? new Uint8Array();
    const logprob = Math.max(never, (this.#logits[id] as number) - this.#shift);
    return { token: new TextDecoder().decode(bytes), logprob, bytes: [...bytes] };
  }
}

/** Throws `backend_failed` where there are none: a chip that computes wrongly gives no numbers. */
function usable(tokens: readonly Candidate[]): readonly Candidate[] {
  if (tokens.length > 0) return tokens;
  throw new Failure('backend_failed', 'The chip gave no logit that is a number: its answer cannot be trusted.');
}

function usableTop(logits: Float32Array): number {
  const top = largestLogit(logits);
  if (top === Number.NEGATIVE_INFINITY) usable([]);
  return top;
}

function biased(name: string, vocabulary: number): number {
  const id = Number(name);
  if (Number.isInteger(id) && id >= 0 && id < vocabulary) return id;
  const message = `logit_bias names the token ${name}, but this model's tokens are 0 to ${vocabulary - 1}.`;
  throw new Failure('invalid_request', message, { param: 'logit_bias' });
}
