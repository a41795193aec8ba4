import { type ChatEvent, Failure, type Sampling, type TokenLogprob } from '@backplane/core/sdk';
import { TokenText } from '@backplane/core/text';
import { type LlamaGrammar, LlamaGrammarEvaluationState, type Token } from 'node-llama-cpp';
import type { Detokenizer } from './detokenizer.ts';
import { Logprobs } from './logprobs.ts';
import type { Model } from './model.ts';
import type { Seat } from './rounds.ts';
import { sampler } from './sampler.ts';
import type { Slots } from './slots.ts';

/** Prompt tokens computed between two looks at the abort signal. */
const sliceLength = 256;

/**
 * Milliseconds to draw one token with a grammar. A schema whose branches can be read in many ways at once, such as a
 * recursive anyOf of equal branches, doubles the work with every level, and one evaluation cannot be interrupted.
 */
const slowestDraw = 2000;

/** One call, ready to run: what comes before the first token is known. */
export interface Generation {
  readonly prompt: Token[];
  readonly sampling: Sampling;
  readonly grammar?: LlamaGrammar | undefined;
  /** Whether the prompt ends inside a reasoning block. */
  readonly reasoning?: boolean;
  /** The request field that holds the prompt, for error messages. */
  readonly param: 'messages' | 'prompt';
}

interface Step {
  readonly token: Token;
  /** Empty unless they were asked for. */
  readonly probabilities?: ReadonlyMap<Token, number>;
}

/** Tokens that the answer may have. Throws `context_length_exceeded` with the numbers. */
export function room({ prompt, sampling, param }: Generation, contextSize: number): number {
  const left = contextSize - prompt.length;
  if (left <= 0) {
    const message = `This model's context is ${contextSize} tokens, but the prompt alone has ${prompt.length}: shorten the ${param}`;
    throw new Failure('context_length_exceeded', message, { param });
  }
  const wanted = sampling.max_tokens;
  if (wanted !== undefined && wanted > left) {
    const message =
      `This model's context is ${contextSize} tokens, but the prompt has ${prompt.length} and max_tokens asks for ` +
      `${wanted} more (${prompt.length + wanted} together): shorten the ${param} or lower max_tokens`;
    throw new Failure('context_length_exceeded', message, { param });
  }
  return wanted ?? left;
}

/** Runs one call in a slot. The slot goes back with its KV cache whole, however the call ends. */
export async function* generate(
  prepare: () => Generation | Promise<Generation>,
  model: Model,
  slots: Slots,
  text: Detokenizer,
  signal: AbortSignal,
): AsyncGenerator<ChatEvent, void, void> {
  const call = await prepare();
  const { prompt, sampling, grammar } = call;
  const limit = room(call, model.contextSize);
  const draw = sampler(sampling, model, prompt, model.contextSize);
  const logprobs = Logprobs.for(sampling, model, draw, grammar !== undefined);
  let drawing = Number.POSITIVE_INFINITY;
  if (grammar !== undefined) {
    const state = new LlamaGrammarEvaluationState({ model: model.weights, grammar });
    // Asked for when a token is about to be drawn.
    draw.options.grammarEvaluationState = () => {
      drawing = performance.now();
      return state;
    };
  }
  const slot = await slots.take(prompt, signal);
  let seat: Seat | undefined;
  let broken = false;
  try {
    const cachedTokens = await slots.align(slot, prompt);
    seat = slots.rounds.join();
    let at = cachedTokens;
    for (; prompt.length - at > sliceLength; at += sliceLength) {
      await seat.turn();
      pass(slots, signal);
      const slice = prompt.slice(at, at + sliceLength);
      slot.work = slot.sequence.evaluateWithoutGeneratingNewTokens(slice, {
        contextShift: draw.options.contextShift ?? {},
      });
      await slot.work;
      seat.done();
    }
    const wanted = { probabilities: logprobs !== undefined };
    const steps: AsyncGenerator<Step> = slot.sequence.evaluateWithMetadata(prompt.slice(at), wanted, draw.options);
    const pieces = new TokenText(text.after(prompt));
    const known: TokenLogprob[] = [];
    let count = 0;
    // Tokens without a text of their own, such as the first half of a character, wait for the next that has one.
    let tokens = 0;
    let ended = false;
    let started = false;
    try {
      while (count < limit) {
        const turn = seat.turn();
        if (turn !== undefined) await turn;
        pass(slots, signal);
        const next = steps.next();
        slot.work = next;
        const { value, done } = await next;
        seat.done();
        if (performance.now() - drawing > slowestDraw) throw ambiguous(call);
        if (!started) {
          started = true;
          yield {
            type: 'started',
            promptTokens: prompt.length,
            cachedTokens,
            ...(call.reasoning === true && { reasoning: true }),
          };
        }
        if (done === true) {
          ended = true;
          break;
        }
        count++;
        draw.drawn?.(value.token);
        if (logprobs !== undefined) known.push(logprobs.of(value.token, value.probabilities));
        const piece = pieces.push(value.token);
        tokens += piece.tokens;
        if (piece.text !== '') {
          yield { type: 'text', text: piece.text, tokens, ...(logprobs && { logprobs: known.splice(0, tokens) }) };
          tokens = 0;
        }
      }
    } finally {
      await steps.return(undefined);
    }
    const rest = pieces.flush();
    tokens += rest.tokens;
    if (tokens > 0) yield { type: 'text', text: rest.text, tokens, ...(logprobs && { logprobs: known }) };
    yield { type: 'finish', reason: ended ? 'stop' : 'length' };
    yield { type: 'usage', usage: { promptTokens: prompt.length, completionTokens: count, cachedTokens } };
  } catch (error) {
    // Whatever `pass` throws comes between evaluations; anything else may have left half of one in the KV cache.
    broken = !(error instanceof Failure);
    throw broken
      ? new Failure('backend_failed', `llama.cpp failed: ${(error as Error).message}`, { cause: error })
      : error;
  } finally {
    seat?.leave();
    if (broken) await slots.giveBroken(slot);
    else slots.give(slot);
  }
}

function ambiguous({ sampling }: Generation): Failure {
  const param = 'tool_choice' in sampling ? 'tools' : 'response_format';
  const message =
    'The answer was given up, because the JSON schema can be read in too many ways at once: let the branches of anyOf ' +
    'differ in their type, or in a required property with a const';
  return new Failure('invalid_request', message, { param });
}

/** Throws when the call is to end before its next evaluation. */
function pass(slots: Slots, signal: AbortSignal): void {
  if (signal.aborted) throw Failure.from(signal.reason, 'cancelled');
  slots.check();
}
