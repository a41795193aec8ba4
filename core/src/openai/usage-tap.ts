import type { Usage } from '../sdk/index.ts';

/** How much of the end of a stream is kept: the usage chunk and `[DONE]` fit well. Bytes. */
const kept = 2_048;

const promptTokensIn = /"(?:prompt|input)_tokens":\s*(\d+)/;
const completionTokensIn = /"(?:completion|output)_tokens":\s*(\d+)/;
const cachedTokensIn = /"cached_tokens":\s*(\d+)/;
const reasoningTokensIn = /"reasoning_tokens":\s*(\d+)/;

/** Reads the token counts that pass by in a relayed reply. Never asks for them: the client would get a chunk it did not want. */
export class UsageTap {
  #last: Uint8Array | undefined;
  #before: Uint8Array | undefined;

  pass(chunk: Uint8Array): void {
    this.#before = this.#last;
    this.#last = chunk;
  }

  /** The last bytes, of two chunks where one is too short. */
  #tail(last: Uint8Array): Buffer {
    const whole = last.length < kept && this.#before ? Buffer.concat([this.#before.subarray(-kept), last]) : last;
    return Buffer.from(whole.buffer, whole.byteOffset, whole.length).subarray(-kept);
  }

  /** What the reply said of its usage, if it did. */
  read(): Usage | undefined {
    if (!this.#last) return undefined;
    const tail = this.#tail(this.#last);
    const at = tail.lastIndexOf('"usage":{');
    const open = at === -1 ? tail.lastIndexOf('"usage": {') : at;
    if (open === -1) return undefined;
    const text = tail.toString('latin1', open);
    const promptTokens = count(text, promptTokensIn);
    if (promptTokens === undefined) return undefined;
    const cachedTokens = count(text, cachedTokensIn);
    const reasoningTokens = count(text, reasoningTokensIn);
    return {
      promptTokens,
      completionTokens: count(text, completionTokensIn) ?? 0,
      ...(cachedTokens !== undefined && { cachedTokens }),
      ...(reasoningTokens !== undefined && { reasoningTokens }),
    };
  }
}

function count(text: string, pattern: RegExp): number | undefined {
  const found = pattern.exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
}
