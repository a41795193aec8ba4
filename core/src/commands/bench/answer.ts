import { createParser } from 'eventsource-parser';
import type { Dispatcher } from 'undici';
import type { Outcome } from './outcome.ts';

/** Why an answer does not count, in a sentence. */
export class BadAnswer extends Error {
  override readonly name = 'BadAnswer';
}

interface Chunk {
  readonly error?: { readonly message?: unknown } | string | null;
  readonly choices?: readonly { readonly delta?: Readonly<Record<string, unknown>> }[];
  readonly usage?: { readonly completion_tokens?: number } | null;
}

/** What of a delta a reader of the answer would see. */
const output = ['content', 'reasoning_content', 'reasoning', 'refusal', 'tool_calls'];

/** One chat's answer, read and timed. */
export class Answer {
  readonly #began: number;
  #first: number | undefined;
  #last = 0;
  #end: number | undefined;
  #pieces = 0;
  #tokens: number | undefined;
  #choices = false;

  /** `began`: when it was asked for, as performance.now() tells. */
  constructor(began: number) {
    this.#began = began;
  }

  /** Reads server-sent events to their end. Throws a BadAnswer, or what the connection throws. */
  async readStream({ headers, body }: Dispatcher.ResponseData): Promise<void> {
    const type = String(headers['content-type'] ?? 'no content type');
    if (!type.startsWith('text/event-stream')) {
      await body.dump().catch(() => {});
      throw new BadAnswer(`The server answered with ${type} instead of text/event-stream.`);
    }
    const utf8 = new TextDecoder();
    const parser = createParser({ onEvent: ({ data }) => this.#take(data) });
    try {
      for await (const bytes of body) parser.feed(utf8.decode(bytes as Uint8Array, { stream: true }));
      // Some servers end the last line and not the last event.
      parser.feed('\n\n');
    } catch (thrown) {
      // How the connection ends after the answer is whole does not matter.
      if (this.#end === undefined) throw thrown;
    }
    if (this.#end === undefined) throw new BadAnswer('The stream ended without [DONE].');
  }

  /** Takes an answer that came in one piece. */
  readWhole(body: unknown): void {
    const { choices, usage } = (body ?? {}) as Chunk;
    this.#end = performance.now();
    this.#choices = Array.isArray(choices) && choices.length > 0;
    this.#tokens = usage?.completion_tokens;
  }

  /** What it was, once it is read. Throws a BadAnswer for one that says nothing. */
  outcome(): Outcome {
    if (this.#end === undefined || !this.#choices) throw new BadAnswer('The answer has no choices.');
    const tokens = this.#tokens ?? this.#pieces;
    const first = this.#first;
    return {
      totalMs: this.#end - this.#began,
      firstMs: first === undefined ? undefined : first - this.#began,
      perTokenMs: first === undefined || tokens < 2 ? undefined : (this.#last - first) / (tokens - 1),
      tokens,
      counted: this.#tokens !== undefined,
    };
  }

  #take(data: string): void {
    if (this.#end !== undefined) return;
    if (data === '[DONE]') {
      this.#end = performance.now();
      return;
    }
    const { error, choices, usage } = parsed(data);
    if (error) {
      const said = typeof error === 'object' ? error.message : error;
      throw new BadAnswer(
        `The stream ended with an error event: ${typeof said === 'string' ? said : 'no reason given'}`,
      );
    }
    this.#tokens = usage?.completion_tokens ?? this.#tokens;
    for (const { delta } of choices ?? []) {
      this.#choices = true;
      if (!output.some((field) => delta?.[field] && String(delta[field]) !== '')) continue;
      this.#last = performance.now();
      this.#first ??= this.#last;
      this.#pieces++;
    }
  }
}

function parsed(data: string): Chunk {
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    throw new BadAnswer('The stream has an event that is no JSON.');
  }
  if (typeof value !== 'object' || value === null) throw new BadAnswer('The stream has an event that is no chunk.');
  return value as Chunk;
}
