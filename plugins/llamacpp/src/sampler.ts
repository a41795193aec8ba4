import { Failure, type Sampling } from '@backplane/core/sdk';
import { type SequenceEvaluateOptions, type Token, TokenBias } from 'node-llama-cpp';
import type { Model } from './model.ts';

/** llama.cpp reads the largest 32-bit seed as "choose one yourself". */
const seeds = 0xffff_ffff;

/** Temperatures this low draw the likeliest token anyway; dividing by them would overflow. */
const greedyBelow = 1e-4;

/** How one call draws its tokens. */
export interface Sampler {
  readonly options: SequenceEvaluateOptions;
  readonly greedy: boolean;
  readonly temperature: number;
  /** Whether the probabilities that the engine reports miss tokens, or are not the model's own. */
  readonly altered: boolean;
  /** Tells the penalties of a drawn token; absent when there are none. */
  readonly drawn?: (token: Token) => void;
}

/**
 * Sets every control explicitly: the library's defaults are top_k 40 and top_p 0.95. Order in the engine: logit_bias with
 * presence and frequency penalties, repetition penalty, top_k, top_p, min_p, temperature.
 */
export function sampler(request: Sampling, model: Model, prompt: readonly Token[], limit: number): Sampler {
  const temperature = request.temperature ?? 1;
  const greedy = temperature < greedyBelow;
  const topK = (request.top_k ?? 0) > 0 ? request.top_k : undefined;
  const topP = request.top_p ?? 1;
  const minP = request.min_p ?? 0;
  const repetition = request.repetition_penalty ?? 1;
  const presence = request.presence_penalty ?? 0;
  const frequency = request.frequency_penalty ?? 0;
  const bias = biases(request.logit_bias, model);
  const listeners: ((token: Token) => void)[] = [];
  const options: SequenceEvaluateOptions = {
    temperature: greedy ? 0 : temperature,
    // null and not 0: the library turns 0 into "the whole vocabulary", which sorts it for every token.
    topK: (topK ?? null) as number,
    topP,
    minP,
    seed: seed(request.seed),
    contextShift: { strategy: refuseShift },
  };
  if (repetition !== 1) {
    const seen = [...prompt];
    options.repeatPenalty = { punishTokens: () => seen, maxPunishTokens: limit, penalty: repetition };
    listeners.push((token) => seen.push(token));
  }
  if (presence !== 0 || frequency !== 0) {
    // The engine's own penalties would count the tokens of the prompt as soon as there is a repetition penalty.
    const tally = new TokenBias(model.weights.tokenizer);
    for (const [token, logit] of bias) tally.set([token], { logit });
    const counts = new Map<Token, number>();
    options.tokenBias = () => tally;
    listeners.push((token) => {
      const count = (counts.get(token) ?? 0) + 1;
      counts.set(token, count);
      tally.set([token], { logit: (bias.get(token) ?? 0) - presence - frequency * count });
    });
  } else if (bias.size > 0) {
    const fixed = new TokenBias(model.weights.tokenizer);
    for (const [token, logit] of bias) fixed.set([token], { logit });
    options.tokenBias = fixed;
  }
  const shaped = repetition !== 1 || presence !== 0 || frequency !== 0 || bias.size > 0;
  const truncated = !greedy && (topK !== undefined || topP < 1 || minP > 0);
  return {
    options,
    greedy,
    temperature,
    altered: shaped || truncated,
    ...(listeners.length > 0 && {
      drawn: (token: Token) => {
        for (const listener of listeners) listener(token);
      },
    }),
  };
}

/** A shift would drop the beginning of the prompt without a word; every call is measured before it starts. */
function refuseShift(): never {
  throw new Error('The context is full');
}

function seed(wanted: number | undefined): number {
  if (wanted === undefined) return Math.floor(Math.random() * seeds);
  return ((Math.trunc(wanted) % seeds) + seeds) % seeds;
}

function biases(given: Sampling['logit_bias'], model: Model): ReadonlyMap<Token, number> {
  const found = new Map<Token, number>();
  for (const [key, logit] of Object.entries(given ?? {})) {
    const token = Number(key) as Token;
    if (!/^\d{1,9}$/.test(key) || token >= model.vocabulary) {
      const message = `logit_bias names the token "${key.slice(0, 32)}", but this model's tokens are 0 to ${model.vocabulary - 1}`;
      throw new Failure('invalid_request', message, { param: 'logit_bias' });
    }
    if (model.weights.isEogToken(token)) {
      const message = `logit_bias cannot change token ${key}: it ends the answer, and this engine leaves those tokens alone`;
      throw new Failure('unsupported_parameter', message, { param: 'logit_bias' });
    }
    if (logit !== 0) found.set(token, logit);
  }
  return found;
}
