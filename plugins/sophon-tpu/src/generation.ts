import { setImmediate as turn } from 'node:timers/promises';
import { type Call, type ChatEvent, Failure, type Sampling, type TokenLogprob } from '@backplane/core/sdk';
import { decode } from './decode.ts';
import { embed } from './embed.ts';
import { type HiddenRow, head, headResult } from './head.ts';
import type { PreparedMedium } from './media.ts';
import type { Model } from './model.ts';
import type { Operation } from './native.ts';
import { prefill } from './prefill.ts';
import type { Prompt, PromptSpan } from './prompt.ts';
import { Logprobs, Sampler } from './sampling.ts';
import { see } from './see.ts';

/** One call, ready to run. */
export interface Generation {
  readonly prompt: Prompt;
  readonly media: readonly PreparedMedium[];
  readonly sampling: Sampling;
  /** The request field that holds the prompt, for error messages. */
  readonly param: 'messages' | 'prompt';
}

/** Runs one call on the device, a step at a time; between two steps the thread hears of aborts. */
export async function* generate(
  model: Model,
  generation: Generation,
  call: Call,
): AsyncGenerator<ChatEvent, void, void> {
  const { prompt, sampling } = generation;
  const limit = room(generation, model);
  const sampler = new Sampler(sampling, model.config.sampling, prompt.ids, model.layout.vocabulary);
  const run = async (operations: readonly Operation[]): Promise<void> => {
    await turn();
    call.signal.throwIfAborted();
    model.step(operations, call.cancelled);
  };
  const drawing = new Drawing(model, sampler, sampling);
  const cachedTokens = await readPrompt(model, generation, drawing, call, run);
  const reasoning = prompt.reasoning && { reasoning: true };
  yield { type: 'started', promptTokens: prompt.ids.length, cachedTokens, ...reasoning };

  const pieces = model.config.tokenizer.stream();
  let { next: position } = prompt.positions;
  let known: TokenLogprob[] = [];
  let tokens = 0;
  let count = 0;
  let reason: 'stop' | 'length' = 'length';
  for (;;) {
    const { id, logprob } = drawing.draw();
    if (model.config.stopIds.includes(id)) {
      reason = 'stop';
      break;
    }
    count++;
    if (logprob) known.push(logprob);
    const piece = pieces.push(id);
    tokens += piece.tokens;
    if (piece.text !== '') {
      yield { type: 'text', text: piece.text, tokens, ...(logprob && { logprobs: known.slice(0, tokens) }) };
      known = known.slice(tokens);
      tokens = 0;
    }
    if (count === limit) break;
    const past = model.history.length;
    const { operations, hidden } = decode(model.layout, model.memory, { id, position: position++, past });
    await run([...operations, ...drawing.operations({ memory: hidden.memory })]);
    model.history.push(id);
  }
  const rest = pieces.flush();
  tokens += rest.tokens;
  if (tokens > 0) yield { type: 'text', text: rest.text, tokens, ...(known.length > 0 && { logprobs: known }) };
  yield { type: 'finish', reason };
  yield {
    type: 'usage',
    usage: { promptTokens: prompt.ids.length, completionTokens: count, cachedTokens },
  };
}

/** Tokens that the answer may have. Throws `context_length_exceeded` with the numbers, before the chip is asked. */
function room({ prompt, sampling, param }: Generation, { layout }: Model): number {
  const { length } = prompt.ids;
  const { maxPrompt, sequence } = layout;
  const exceeded = (message: string) => new Failure('context_length_exceeded', message, { param });
  if (length > maxPrompt || length >= sequence) {
    const most = Math.min(maxPrompt, sequence - 1);
    throw exceeded(
      `This model takes prompts of at most ${most} tokens, and this one has ${length}: shorten the ${param}, or send smaller pictures.`,
    );
  }
  const left = sequence - length;
  const wanted = sampling.max_tokens;
  if (wanted !== undefined && wanted > left) {
    throw exceeded(
      `This model's context is ${sequence} tokens, but the prompt has ${length} and max_tokens asks for ${wanted} more ` +
        `(${length + wanted} together): shorten the ${param} or lower max_tokens.`,
    );
  }
  return wanted ?? left;
}

/** Computes the prompt, but for what the cache has of it already; returns how many tokens that is. */
async function readPrompt(
  model: Model,
  { prompt, media }: Generation,
  drawing: Drawing,
  call: Call,
  run: (operations: readonly Operation[]) => Promise<void>,
): Promise<number> {
  const { layout, memory, history } = model;
  const { ids, spans, positions } = prompt;
  const digests = spans.map(({ medium, pair }) => `${media[medium]?.digest} ${pair}`);
  const shared = layout.blocksWithPast ? history.shared(prompt, digests) : 0;
  history.truncate(shared);
  const pictures = spans.filter(({ start }) => start >= shared);
  const counts = { prompt_tokens: ids.length, cached_tokens: shared, pictures: pictures.length };
  call.log.debug(counts, 'computing the prompt');
  await run(embed(layout, memory, ids.subarray(shared)));
  for (const span of pictures) await run(look(model, span, media, shared));
  for (let at = shared; at < ids.length; at += layout.chunk) {
    const tokens = Math.min(layout.chunk, ids.length - at);
    const chunk = {
      row: at - shared,
      tokens,
      past: at,
      positions: columns(positions.ids, ids.length, at, tokens),
      pictures: pictures.length > 0,
    };
    const last = at + tokens === ids.length;
    const hidden = { memory: memory.hidden, offset: (tokens - 1) * memory.rowBytes };
    await run([...prefill(layout, memory, chunk), ...(last ? drawing.operations(hidden) : [])]);
    history.extend(prompt, digests, at + tokens);
  }
  return shared;
}

function look(model: Model, span: PromptSpan, media: readonly PreparedMedium[], shared: number): Operation[] {
  const input = media[span.medium]?.input(span.pair);
  const { sight } = model.layout;
  if (!input || !sight)
    throw new Failure('internal', 'The prompt shows a picture that was not prepared: this is a bug.');
  return see(sight, model.memory, input, span.start - shared);
}

/** Some columns of int32 [3, length]. */
function columns(values: Int32Array, length: number, from: number, count: number): Int32Array {
  const part = new Int32Array(3 * count);
  for (let row = 0; row < 3; row++) {
    part.set(values.subarray(row * length + from, row * length + from + count), row * count);
  }
  return part;
}

/** From a hidden state on the device to a token, and what is told of it. */
class Drawing {
  readonly #model: Model;
  readonly #sampler: Sampler;
  readonly #sampling: Sampling;
  readonly #result: Int32Array<ArrayBuffer> | Float32Array<ArrayBuffer>;

  constructor(model: Model, sampler: Sampler, sampling: Sampling) {
    this.#model = model;
    this.#sampler = sampler;
    this.#sampling = sampling;
    this.#result = headResult(model.layout, sampler.needsLogits);
  }

  /** To be run before `draw`. */
  operations(hidden: HiddenRow): Operation[] {
    return head(this.#model.layout, hidden, this.#result);
  }

  draw(): { readonly id: number; readonly logprob?: TokenLogprob } {
    const result = this.#result;
    if (result instanceof Int32Array) return { id: result[0] as number };
    const { logprobs, top_logprobs: alternatives = 0 } = this.#sampling;
    const known = logprobs === true ? new Logprobs(result, this.#model.config.tokenizer) : undefined;
    const id = this.#sampler.draw(result);
    this.#sampler.drawn(id);
    return { id, ...(known && { logprob: known.of(id, alternatives) }) };
  }
}
