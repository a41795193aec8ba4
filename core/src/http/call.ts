import type { Model, ModelCall } from '../models/model.ts';
import type { Target } from '../openai/target.ts';
import { anonymous, type Facts, type Limiter, type Log, type Media, uploadUrl } from '../sdk/index.ts';
import type { Exchange } from './exchange.ts';
import type { CallSurroundings } from './surroundings.ts';

/** A class and not a literal: a literal with a getter is made slowly, and this is one per call. */
export class ExchangeCall implements ModelCall {
  readonly id: string;
  readonly signal: AbortSignal;
  readonly principal: string;
  readonly #exchange: Exchange;
  readonly #around: CallSurroundings;
  readonly #upload: Media | undefined;

  /** `upload`: what came with the request; this call alone finds it, at `upload:0`. */
  constructor(exchange: Exchange, around: CallSurroundings, upload?: Media) {
    this.id = exchange.id;
    this.signal = exchange.signal;
    this.principal = exchange.principal?.name ?? anonymous.name;
    this.#exchange = exchange;
    this.#around = around;
    this.#upload = upload;
  }

  /** Made when used: most calls log nothing but their one line. */
  get log(): Log {
    return this.#around.log.child({ request: this.id });
  }

  async media(url: string, before = 0): Promise<Media> {
    const upload = this.#upload;
    // A copy: whoever asks may transfer it away, and another instance may have to ask again.
    if (upload && url === uploadUrl) return { ...upload, bytes: new Uint8Array(upload.bytes) };
    return this.#around.media.load(url, this.signal, before);
  }

  admitted(instance: number, waitedMs: number): void {
    this.#exchange.admitted(instance, waitedMs);
  }
}

/** From here on the call is this model's, which stays in memory until it is over. */
export function aim(exchange: Exchange, model: Model): void {
  const { backend, timeout } = model.definition;
  exchange.aim(model.id, backend.name, timeout);
  const release = model.claim();
  if (release) exchange.whenSettled(release);
}

/** Asks every limiter. What one has granted is settled with the call, also when another says no. */
export async function letIn(exchange: Exchange, model: Model, limiters: readonly Limiter[]): Promise<void> {
  const call = { principal: exchange.principal ?? anonymous, model: model.id, operation: exchange.operation };
  for (const limiter of limiters) {
    const grant = await limiter.admit(call);
    exchange.whenSettled((usage) => grant.settle(usage));
    for (const [name, value] of Object.entries(grant.headers)) exchange.header(name, value);
  }
}

/** What a model makes of a request that calls it by this name. */
export function targetOf(name: string, model: Model, facts: Facts): Target {
  const { unsupported, defaults, dialect } = model.definition;
  return {
    name,
    contextLength: facts.contextLength,
    modalities: facts.modalities ?? ['text'],
    timings: facts.timings ?? [],
    honoured: facts.parameters === 'any' ? everything : new Set(facts.parameters),
    unsupported,
    defaults,
    reasoning: model.reasoning,
    dialect: dialect ?? facts.dialect,
  };
}

const everything = { has: () => true };
