import type { Usage } from '../sdk/index.ts';

/** How much of the end of a stream is kept: the usage chunk and `[DONE]` fit well. Bytes. */
const kept = 2_048;

// Bytes and not strings: those are made into bytes anew at every search.
const usageMember = Buffer.from('"usage":{');
const usageMemberSpaced = Buffer.from('"usage": {');

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
    if (last.length < kept && this.#before) return Buffer.concat([this.#before.subarray(-kept), last]);
    const start = Math.max(last.length - kept, 0);
    return Buffer.from(last.buffer, last.byteOffset + start, last.length - start);
  }

  /** What the reply said of its usage, if it did. */
  read(): Usage | undefined {
    if (!this.#last) return undefined;
    const tail = this.#tail(this.#last);
    const at = tail.lastIndexOf(usageMember);
    const open = at === -1 ? tail.lastIndexOf(usageMemberSpaced) : at;
    if (open === -1) return undefined;
    const text = tail.toString('latin1', open);
    const promptTokens = count(text, '"prompt_tokens":') ?? count(text, '"input_tokens":');
    if (promptTokens === undefined) return undefined;
    const completionTokens = count(text, '"completion_tokens":') ?? count(text, '"output_tokens":') ?? 0;
    const usage: { -readonly [K in keyof Usage]: Usage[K] } = { promptTokens, completionTokens };
    const cachedTokens = count(text, '"cached_tokens":');
    if (cachedTokens !== undefined) usage.cachedTokens = cachedTokens;
    const reasoningTokens = count(text, '"reasoning_tokens":');
    if (reasoningTokens !== undefined) usage.reasoningTokens = reasoningTokens;
    return usage;
  }
}

/** Not by a pattern: those took as long as all else here. */
function count(text: string, member: string): number | undefined {
  const at = text.indexOf(member);
  if (at === -1) return undefined;
  const found = Number.parseInt(text.slice(at + member.length, at + member.length + 16), 10);
  return found >= 0 ? found : undefined;
}
