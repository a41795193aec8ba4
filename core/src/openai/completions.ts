import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { type ChatEvent, type CompletionRequest, Failure, type TokenLogprob, type Usage } from '../sdk/index.ts';
import { type Choice, type Encoder, type Generation, seedOf, usageBody } from './generation.ts';
import { readParameters } from './parameters.ts';
import { answerFields, extraOf, samplingFields, samplingOf } from './sampling.ts';
import { frame } from './sse.ts';
import type { Target } from './target.ts';
import { validate } from './validate.ts';

const tokens = z.array(z.int().min(0)).min(1);
const completionFields = {
  ...answerFields,
  ...samplingFields,
  prompt: z.union([z.string(), z.array(z.string()).min(1).max(128), tokens, z.array(tokens).min(1).max(128)]),
  /** How many alternatives per token to show; the chosen token's own log probability comes with 0 already. */
  logprobs: z.int().min(0).max(5).optional(),
};

/** Body of `POST /v1/completions`. */
export const completionSchema = z.looseObject(completionFields);

/** Reads the body of `POST /v1/completions`. Throws `invalid_request` and `unsupported_parameter`. */
export function readCompletion(sent: Readonly<Record<string, unknown>>, target: Target): Generation {
  const { body: merged, ignored } = readParameters(sent, target);
  const body = validate(completionSchema, merged);
  const prompts = promptsOf(body.prompt);
  if (prompts.length * body.n > 128) {
    throw new Failure('invalid_request', 'The request asks for more than 128 answers (prompts times n).', {
      param: 'n',
    });
  }
  const { logprobs, ...sampling } = body;
  const requests = prompts.flatMap((prompt) =>
    Array.from(
      { length: body.n },
      (_, choice): CompletionRequest => ({
        ...samplingOf(sampling as never),
        ...(logprobs !== undefined && { logprobs: true, top_logprobs: logprobs }),
        ...seedOf(body.seed, choice),
        model: target.name,
        prompt,
        extra: extraOf(body, completionFields),
      }),
    ),
  );
  const includeUsage = body.stream_options?.include_usage === true;
  return {
    task: 'complete',
    requests,
    choicesPerPrompt: body.n,
    finishing: { reasoning: 'raw', tools: false, stop: body.stop },
    stream: body.stream,
    includeUsage,
    ignored,
    encoder: new CompletionEncoder(target.name, { logprobs: logprobs !== undefined, usage: includeUsage }),
  };
}

function promptsOf(prompt: z.output<typeof completionSchema>['prompt']): readonly (string | readonly number[])[] {
  if (typeof prompt === 'string') return [prompt];
  return typeof prompt[0] === 'number' ? [prompt as number[]] : (prompt as (string | number[])[]);
}

/** `text_completion` objects, whole and in chunks. */
class CompletionEncoder implements Encoder {
  readonly #logprobs: boolean;
  readonly #head: object;
  readonly #prefix: string;
  readonly #suffix: string;
  /** Characters sent per choice: OpenAI gives each token's offset in the text. */
  readonly #sent: number[] = [];

  constructor(model: string, { logprobs, usage }: { readonly logprobs: boolean; readonly usage: boolean }) {
    this.#logprobs = logprobs;
    const created = Math.floor(Date.now() / 1000);
    this.#head = {
      id: `cmpl-${randomUUID().replaceAll('-', '')}`,
      object: 'text_completion',
      created,
      model,
      system_fingerprint: null,
    };
    this.#prefix = `${JSON.stringify(this.#head).slice(0, -1)},"choices":`;
    this.#suffix = usage ? ',"usage":null}' : '}';
  }

  event(choice: number, event: ChatEvent): string {
    if (event.type === 'finish') return this.#chunk(choice, '', 'null', `"${event.reason}"`);
    if (event.type !== 'text') return '';
    const offset = this.#sent[choice] ?? 0;
    this.#sent[choice] = offset + event.text.length;
    const logprobs = this.#logprobs && event.logprobs ? JSON.stringify(legacyLogprobs(event.logprobs, offset)) : 'null';
    return this.#chunk(choice, event.text, logprobs, 'null');
  }

  usage(usage: Usage): string {
    return frame(`${this.#prefix}[],"usage":${JSON.stringify(usageBody(usage))}}`);
  }

  whole(choices: readonly Choice[], usage: Usage): object {
    return {
      ...this.#head,
      choices: choices.map(({ text, logprobs, finish }, index) => ({
        index,
        text,
        logprobs: this.#logprobs ? legacyLogprobs(logprobs, 0) : null,
        finish_reason: finish,
      })),
      usage: usageBody(usage),
    };
  }

  #chunk(choice: number, text: string, logprobs: string, finish: string): string {
    return frame(
      `${this.#prefix}[{"index":${choice},"text":${JSON.stringify(text)},"logprobs":${logprobs},"finish_reason":${finish}}]${this.#suffix}`,
    );
  }
}

function legacyLogprobs(each: readonly TokenLogprob[], from: number): object {
  let offset = from;
  return {
    tokens: each.map(({ token }) => token),
    token_logprobs: each.map(({ logprob }) => logprob),
    top_logprobs: each.map(({ top_logprobs }) =>
      Object.fromEntries(top_logprobs.map(({ token, logprob }) => [token, logprob])),
    ),
    text_offset: each.map(({ token }) => {
      const at = offset;
      offset += token.length;
      return at;
    }),
  };
}
