import type { Usage } from '../sdk/index.ts';

/** How much of the end of a stream is kept: the usage chunk and `[DONE]` fit well. Bytes. */
const kept = 2_048;

/** Reads the token counts that pass by in a relayed reply. Never asks for them: the client would get a chunk it did not want. */
export class UsageTap {
  #last: Uint8Array | undefined;
  #before: Uint8Array | undefined;

  pass(chunk: Uint8Array): void {
    this.#before = this.#last;
    this.#last = chunk;
  }

  /** What the reply said of its usage, if it did. */
  read(): Usage | undefined {
    if (!this.#last) return undefined;
    const tail = Buffer.concat([this.#before ?? new Uint8Array(), this.#last]).subarray(-kept);
    const at = tail.lastIndexOf('"usage":{');
    const open = at === -1 ? tail.lastIndexOf('"usage": {') : at;
    if (open === -1) return undefined;
    const text = tail.toString('latin1', open);
    const count = (name: string): number | undefined => {
      const found = new RegExp(`"${name}":\\s*(\\d+)`).exec(text)?.[1];
      return found === undefined ? undefined : Number(found);
    };
    const promptTokens = count('prompt_tokens') ?? count('input_tokens');
    if (promptTokens === undefined) return undefined;
    const cachedTokens = count('cached_tokens');
    const reasoningTokens = count('reasoning_tokens');
    return {
      promptTokens,
      completionTokens: count('completion_tokens') ?? count('output_tokens') ?? 0,
      ...(cachedTokens !== undefined && { cachedTokens }),
      ...(reasoningTokens !== undefined && { reasoningTokens }),
    };
  }
}
