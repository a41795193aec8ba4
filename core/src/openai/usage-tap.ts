import type { Usage } from '../sdk/index.ts';

/** How much of the end of a stream is kept: the usage chunk and `[DONE]` fit well. Bytes. */
const kept = 2_048;

// Bytes and not strings: those are made into bytes anew at every search.
const usageMember = Buffer.from('"usage":{');
const usageMemberSpaced = Buffer.from('"usage": {');
const dataField = Buffer.from('data:');
const lf = 0x0a;
const space = 0x20;
const brace = 0x7b;
const none = Buffer.alloc(0);

/** Reads the token counts that pass by in a relayed reply. Never asks for them: the client would get a chunk it did not want. */
export class UsageTap {
  #last: Uint8Array | undefined;
  #before: Uint8Array | undefined;
  #size = 0;

  pass(chunk: Uint8Array): void {
    this.#before = this.#last;
    this.#last = chunk;
    this.#size += chunk.length;
  }

  /**
   * What a stream of events that does not say its usage, or not yet, has come to: a token an event, as most servers send
   * them, but for the first, which says who speaks. They are about as long as the last ones, so the size of all tells how
   * many there were: to count them as they pass would be a sixth of what a relayed chunk costs. Undefined: there were none.
   */
  estimate(promptTokens: () => number): Usage | undefined {
    const last = Buffer.concat([this.#before ?? none, this.#last ?? none]);
    const events = eventsIn(last);
    if (events === 0) return undefined;
    const completionTokens = Math.round((this.#size * events) / last.length) - 1;
    return { promptTokens: promptTokens(), completionTokens, estimated: true };
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

/** Those that carry an object: `[DONE]` and comments are none. One that a read cut right within its first word is missed. */
function eventsIn(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(dataField); at !== -1; at = bytes.indexOf(dataField, at + 5)) {
    const begins = at === 0 || bytes[at - 1] === lf;
    if (begins && bytes[bytes[at + 5] === space ? at + 6 : at + 5] === brace) count++;
  }
  return count;
}

/** Not by a pattern: those took as long as all else here. */
function count(text: string, member: string): number | undefined {
  const at = text.indexOf(member);
  if (at === -1) return undefined;
  const found = Number.parseInt(text.slice(at + member.length, at + member.length + 16), 10);
  return found >= 0 ? found : undefined;
}
