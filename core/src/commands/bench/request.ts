import { Agent, type Dispatcher } from 'undici';
import { Answer, BadAnswer } from './answer.ts';
import type { BenchOptions } from './options.ts';
import type { Outcome } from './outcome.ts';

/** A client of one server, with a connection for each request that runs. */
export class BenchClient {
  // Patience is one limit for all of a request (options.timeoutMs), whatever part of it is slow.
  readonly #agent = new Agent({ headersTimeout: 0, bodyTimeout: 0, connect: { timeout: 0 } });
  readonly #options: BenchOptions;

  constructor(options: BenchOptions) {
    this.#options = options;
  }

  close(): Promise<void> {
    return this.#agent.destroy();
  }

  /** The first model that the server lists. Throws an Error with a sentence. */
  async firstModel(): Promise<string> {
    try {
      const response = await this.#ask('GET', '/models');
      if (response.statusCode !== 200) throw await this.#refusal(response);
      const list = (await readJson(response)) as { readonly data?: readonly { readonly id?: unknown }[] };
      const id = list?.data?.[0]?.id;
      if (typeof id !== 'string') throw new BadAnswer('The server lists no model: name one with --model.');
      return id;
    } catch (thrown) {
      throw new Error(this.#sentence(thrown));
    }
  }

  /** Asks for one chat. Never rejects. */
  async chat(model: string, number: number): Promise<Outcome> {
    const { stream, maxTokens, prompt } = this.#options;
    const content = prompt ?? `Case ${number}: write a short text about artificial intelligence.`;
    const body = {
      model,
      messages: [{ role: 'user', content }],
      max_tokens: maxTokens,
      ...(stream && { stream, stream_options: { include_usage: true } }),
    };
    const began = performance.now();
    try {
      const response = await this.#ask('POST', '/chat/completions', JSON.stringify(body));
      if (response.statusCode !== 200) throw await this.#refusal(response);
      const answer = new Answer(began);
      if (stream) await answer.readStream(response);
      else answer.readWhole(await readJson(response));
      return answer.outcome();
    } catch (thrown) {
      return { failure: this.#sentence(thrown) };
    }
  }

  #ask(method: 'GET' | 'POST', path: string, body?: string): Promise<Dispatcher.ResponseData> {
    const { base, credentials, timeoutMs } = this.#options;
    return this.#agent.request({
      origin: new URL(base).origin,
      path: new URL(base).pathname + path,
      method,
      headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...credentials },
      body: body ?? null,
      signal: AbortSignal.timeout(timeoutMs),
    });
  }

  async #refusal(response: Dispatcher.ResponseData): Promise<BadAnswer> {
    const { statusCode } = response;
    const body = (await readJson(response).catch((thrown) => {
      if (!(thrown instanceof BadAnswer)) throw thrown;
    })) as { readonly error?: { readonly message?: unknown } | string } | undefined;
    const said = typeof body?.error === 'object' ? body.error?.message : body?.error;
    return new BadAnswer(`The server answered ${statusCode}${typeof said === 'string' ? `: ${said}` : '.'}`);
  }

  #sentence(thrown: unknown): string {
    const { base, clean, timeoutMs } = this.#options;
    if (thrown instanceof BadAnswer) return clean(thrown.message);
    const { name, code } = thrown as NodeJS.ErrnoException;
    if (name === 'TimeoutError') return `No whole answer came within ${timeoutMs / 1_000} s.`;
    switch (code) {
      case 'ECONNREFUSED':
        return `Nothing listens at ${new URL(base).origin}.`;
      case 'ENOTFOUND':
      case 'EAI_AGAIN':
        return `${new URL(base).hostname} is no known host.`;
      case 'ECONNRESET':
      case 'EPIPE':
      case 'UND_ERR_SOCKET':
        return 'The connection broke before the answer was whole.';
      default:
        return `The request failed: ${clean(code ?? name ?? 'no reason given')}.`;
    }
  }
}

async function readJson({ body }: Dispatcher.ResponseData): Promise<unknown> {
  const text = await body.text();
  try {
    return JSON.parse(text);
  } catch {
    throw new BadAnswer('The answer is no JSON.');
  }
}
