import { randomUUID } from 'node:crypto';
import type { ChatEvent, TokenLogprob, Usage } from '../sdk/index.ts';
import { type Choice, type Encoder, usageBody } from './generation.ts';
import { frame } from './sse.ts';

/** `chat.completion` and `chat.completion.chunk` objects. */
export class ChatEncoder implements Encoder {
  readonly #id = `chatcmpl-${randomUUID().replaceAll('-', '')}`;
  readonly #created = Math.floor(Date.now() / 1000);
  readonly #model: string;
  readonly #logprobs: boolean;
  /** Everything of a chunk that never changes within an answer, up to `"choices":`. */
  readonly #prefix: string;
  readonly #suffix: string;
  readonly #opened = new Set<number>();

  constructor(model: string, { logprobs, usage }: { readonly logprobs: boolean; readonly usage: boolean }) {
    this.#model = model;
    this.#logprobs = logprobs;
    const head = {
      id: this.#id,
      object: 'chat.completion.chunk',
      created: this.#created,
      model,
      system_fingerprint: null,
    };
    this.#prefix = `${JSON.stringify(head).slice(0, -1)},"choices":`;
    this.#suffix = usage ? ',"usage":null}' : '}';
  }

  event(choice: number, event: ChatEvent): string {
    switch (event.type) {
      case 'text':
        return this.#delta(choice, `{"content":${JSON.stringify(event.text)}}`, event.logprobs);
      case 'reasoning':
        return this.#delta(choice, `{"reasoning_content":${JSON.stringify(event.text)}}`);
      case 'tool_call': {
        const { index, id, name, arguments: text } = event;
        const call = {
          index,
          ...(id !== undefined && { id, type: 'function' }),
          function: { ...(name !== undefined && { name }), arguments: text ?? '' },
        };
        return this.#delta(choice, `{"tool_calls":[${JSON.stringify(call)}]}`);
      }
      case 'finish':
        return this.#delta(choice, '{}', undefined, event.reason);
      default:
        return '';
    }
  }

  usage(usage: Usage): string {
    return frame(`${this.#prefix}[],"usage":${JSON.stringify(usageBody(usage))}}`);
  }

  whole(choices: readonly Choice[], usage: Usage): object {
    return {
      id: this.#id,
      object: 'chat.completion',
      created: this.#created,
      model: this.#model,
      system_fingerprint: null,
      choices: choices.map(({ text, reasoning, toolCalls, logprobs, finish }, index) => ({
        index,
        message: {
          role: 'assistant',
          content: text === '' && toolCalls.length > 0 ? null : text,
          refusal: null,
          ...(reasoning !== '' && { reasoning_content: reasoning }),
          ...(toolCalls.length > 0 && { tool_calls: toolCalls }),
        },
        logprobs: this.#logprobs ? { content: logprobs, refusal: null } : null,
        finish_reason: finish,
      })),
      usage: usageBody(usage),
    };
  }

  #delta(choice: number, delta: string, logprobs?: readonly TokenLogprob[], finish?: string): string {
    const open = this.#opened.has(choice)
      ? ''
      : this.#chunk(choice, '{"role":"assistant","content":""}', 'null', 'null');
    if (open) this.#opened.add(choice);
    const shown = this.#logprobs && logprobs ? JSON.stringify({ content: logprobs, refusal: null }) : 'null';
    return open + this.#chunk(choice, delta, shown, finish ? `"${finish}"` : 'null');
  }

  #chunk(choice: number, delta: string, logprobs: string, finish: string): string {
    return frame(
      `${this.#prefix}[{"index":${choice},"delta":${delta},"logprobs":${logprobs},"finish_reason":${finish}}]${this.#suffix}`,
    );
  }
}
