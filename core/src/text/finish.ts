import type { ChatEvent, Dialect, FinishReason, TokenLogprob, Usage } from '../sdk/index.ts';
import { ReasoningSplitter, type Segment } from './reasoning.ts';
import { StopMatcher } from './stop.ts';
import { ToolCallParser, type ToolEvent } from './tools.ts';

/** `separate`: as events of their own. `raw`: in the text, with their tags. `hidden`: counted and dropped. */
export type ReasoningMode = 'separate' | 'raw' | 'hidden';

export interface FinisherOptions {
  /** Absent: the backend tells text, reasoning and tool calls apart itself. */
  readonly dialect?: Dialect | undefined;
  readonly reasoning: ReasoningMode;
  /** Whether the caller offered tools; without, what looks like a call is text. */
  readonly tools: boolean;
  readonly stop: readonly string[];
  /** False: the answer ends where a second tool call would begin. */
  readonly parallelToolCalls?: boolean | undefined;
  /** Makes the ids of tool calls; absent: `call_` and 24 random characters. */
  readonly callId?: (() => string) | undefined;
}

type Event<Type extends ChatEvent['type']> = Extract<ChatEvent, { type: Type }>;
type Output = { -readonly [Key in keyof Event<'text'>]: Event<'text'>[Key] } | Event<'reasoning'> | Event<'tool_call'>;

/** How reasoning that a backend told apart is written into text; Qwen3's form. */
const wrapped = { opening: '<think>\n', closing: '\n</think>\n\n' };

/**
 * What the core puts around every backend's events: cuts reasoning, tool calls and stop strings out of raw text.
 *
 * Push every event and pass on what comes back. Once `stopped`, cancel the engine, ignore what it still says and pass
 * on what `close` gives. The sum of `tokens` going in comes out.
 */
export class Finisher {
  readonly #mode: ReasoningMode;
  readonly #oneCall: boolean;
  #splitter: ReasoningSplitter | undefined;
  readonly #tools: ToolCallParser | undefined;
  readonly #stops: StopMatcher | undefined;
  /** Nothing is left to do with text. */
  #plain = false;
  #stopped = false;
  /** A backend's reasoning was wrapped and its closing tag is due. */
  #wrapping = false;
  #called = false;
  #started: Event<'started'> | undefined;
  #completionTokens = 0;
  #reasoningTokens = 0;
  /** Tokens whose text the splitter still holds. */
  #unsplitTokens = 0;
  /** Tokens that no event carried out yet. */
  #tokens = 0;
  #logprobs: TokenLogprob[] = [];

  constructor(options: FinisherOptions) {
    const { dialect } = options;
    this.#mode = options.reasoning;
    this.#oneCall = options.parallelToolCalls === false;
    if (dialect === 'qwen3' || dialect === 'think') this.#splitter = new ReasoningSplitter();
    if (options.tools && (dialect === 'qwen3' || dialect === 'hermes')) {
      this.#tools = new ToolCallParser({ id: options.callId });
    }
    const stops = options.stop.filter((stop) => stop !== '');
    if (stops.length > 0) this.#stops = new StopMatcher(stops);
    this.#relax();
  }

  /** A stop string matched, or a second tool call began where one was allowed. */
  get stopped(): boolean {
    return this.#stopped;
  }

  push(event: ChatEvent): ChatEvent[] {
    if (this.#stopped) return [];
    switch (event.type) {
      case 'text':
        return this.#text(event);
      case 'reasoning':
        return this.#reasoning(event);
      case 'tool_call': {
        const output = this.#flush();
        this.#count(event.tokens);
        if (!this.#stopped) this.#call(event, output);
        return this.#settle(output);
      }
      case 'started':
        this.#started = event;
        if (event.reasoning && this.#splitter) this.#splitter = new ReasoningSplitter({ inside: true });
        return [event];
      case 'finish':
        return this.#finish(event.reason);
      case 'usage':
        return [{ type: 'usage', usage: this.#withReasoning(event.usage) }];
    }
  }

  /** The end of a call that was cut short here, whose engine can no longer say it. */
  close(): ChatEvent[] {
    const finish: ChatEvent = { type: 'finish', reason: this.#called ? 'tool_calls' : 'stop' };
    const { usage } = this;
    return usage ? [finish, { type: 'usage', usage }] : [finish];
  }

  /** What the events so far stand for; undefined where the engine has not said how it began. */
  get usage(): Usage | undefined {
    if (this.#started === undefined) return undefined;
    const { promptTokens, cachedTokens, estimated } = this.#started;
    return this.#withReasoning({
      promptTokens,
      completionTokens: this.#completionTokens,
      ...(cachedTokens !== undefined && { cachedTokens }),
      ...(estimated && { estimated }),
    });
  }

  #text(event: Event<'text'>): ChatEvent[] {
    const { text, tokens, logprobs } = event;
    if (this.#plain && this.#tokens === 0 && !this.#wrapping) {
      this.#completionTokens += tokens ?? 0;
      return text === '' && !tokens && !logprobs?.length ? [] : [event];
    }
    this.#count(tokens);
    if (logprobs) this.#logprobs.push(...logprobs);
    const output: Output[] = [];
    if (text !== '') this.#unwrap(output);
    if (this.#splitter) {
      this.#unsplitTokens += tokens ?? 0;
      this.#segments(this.#splitter.push(text), output);
      this.#relax();
    } else {
      this.#answer(text, output);
    }
    return this.#settle(output);
  }

  #reasoning(event: Event<'reasoning'>): ChatEvent[] {
    if (this.#plain && this.#tokens === 0 && this.#mode === 'separate' && event.text !== '') {
      this.#completionTokens += event.tokens ?? 0;
      this.#reasoningTokens += event.tokens ?? 0;
      return [event];
    }
    const output = this.#flush();
    this.#count(event.tokens);
    this.#reasoningTokens += event.tokens ?? 0;
    if (!this.#stopped && event.text !== '') {
      if (this.#mode === 'raw' && !this.#wrapping) {
        this.#wrapping = true;
        add(output, 'text', wrapped.opening);
      }
      this.#reason(event.text, output);
    }
    return this.#settle(output);
  }

  #finish(engineReason: FinishReason): ChatEvent[] {
    const output = this.#flush();
    if (!this.#stopped) this.#unwrap(output);
    if (output.length === 0 && this.#tokens > 0) output.push({ type: 'text', text: '' });
    const events = this.#settle(output);
    // A stop string in what was held: the caller ends the call as for any other.
    if (this.#stopped) return events;
    const reason = this.#called && engineReason === 'stop' ? 'tool_calls' : engineReason;
    return [...events, { type: 'finish', reason }];
  }

  /** Lets out all that is held, since something that is not raw text follows. */
  #flush(): Output[] {
    const output: Output[] = [];
    if (this.#splitter) {
      this.#segments(this.#splitter.flush(), output);
      this.#relax();
    }
    if (this.#tools) this.#parsed(this.#tools.flush(), output);
    this.#flushStops(output);
    return output;
  }

  #flushStops(output: Output[]): void {
    if (this.#stops && !this.#stopped) add(output, 'text', this.#stops.flush());
  }

  #segments(segments: readonly Segment[], output: Output[]): void {
    if (segments.length === 0) return;
    if (segments.some((segment) => segment.kind === 'reasoning')) this.#reasoningTokens += this.#unsplitTokens;
    this.#unsplitTokens = 0;
    for (const { kind, text } of segments) {
      if (kind === 'text') this.#answer(text, output);
      else if (kind === 'reasoning') this.#reason(text, output);
      else if (this.#mode === 'raw') add(output, 'text', text);
    }
  }

  #reason(text: string, output: Output[]): void {
    if (this.#mode === 'raw') add(output, 'text', text);
    else if (this.#mode === 'separate') add(output, 'reasoning', text);
  }

  /** Text that is the answer's: tool calls and stop strings are looked for here only. */
  #answer(text: string, output: Output[]): void {
    if (this.#tools) this.#parsed(this.#tools.push(text), output);
    else this.#match(text, output);
  }

  #parsed(events: readonly ToolEvent[], output: Output[]): void {
    for (const event of events) {
      if (this.#stopped) return;
      if (event.type === 'text') this.#match(event.text, output);
      else this.#call(event, output);
    }
  }

  #call(event: Event<'tool_call'>, output: Output[]): void {
    this.#flushStops(output);
    this.#unwrap(output);
    if (this.#oneCall && event.index > 0) {
      this.#stopped = true;
      return;
    }
    this.#called = true;
    const { tokens: _, ...call } = event;
    output.push(call);
  }

  #match(text: string, output: Output[]): void {
    if (!this.#stops) {
      add(output, 'text', text);
      return;
    }
    const matched = this.#stops.push(text);
    add(output, 'text', matched.text);
    if (matched.stopped) this.#stopped = true;
  }

  #unwrap(output: Output[]): void {
    if (!this.#wrapping) return;
    this.#wrapping = false;
    add(output, 'text', wrapped.closing);
  }

  /** Forgets the splitter when its work is done. */
  #relax(): void {
    if (this.#splitter?.done) this.#splitter = undefined;
    this.#plain = !this.#splitter && !this.#tools && !this.#stops;
  }

  #count(tokens: number | undefined): void {
    this.#completionTokens += tokens ?? 0;
    this.#tokens += tokens ?? 0;
  }

  /** Gives what comes out the tokens and log probabilities of what went in. */
  #settle(output: Output[]): Output[] {
    if (this.#stopped && output.length === 0 && this.#tokens > 0) output.push({ type: 'text', text: '' });
    const [first] = output;
    if (first !== undefined && this.#tokens > 0) {
      output[0] = { ...first, tokens: this.#tokens };
      this.#tokens = 0;
    }
    if (this.#logprobs.length > 0) this.#settleLogprobs(output);
    return output;
  }

  #settleLogprobs(output: readonly Output[]): void {
    const text = output.find((event) => event.type === 'text');
    const held = this.#splitter?.held || this.#tools?.held || this.#stops?.held;
    if (text === undefined && output.length === 0 && held && !this.#stopped) return;
    if (text !== undefined) text.logprobs = this.#stopped ? covering(this.#logprobs, text.text) : this.#logprobs;
    this.#logprobs = [];
  }

  #withReasoning(usage: Usage): Usage {
    if (usage.reasoningTokens !== undefined || this.#reasoningTokens === 0) return usage;
    return { ...usage, reasoningTokens: this.#reasoningTokens };
  }
}

/** The first tokens, as many as the text needs: those of a stop string are not the answer's. */
function covering(logprobs: readonly TokenLogprob[], text: string): TokenLogprob[] {
  let length = 0;
  let count = 0;
  while (count < logprobs.length && length < text.length) {
    length += logprobs[count]?.token.length ?? 0;
    count += 1;
  }
  return logprobs.slice(0, count);
}

function add(output: Output[], type: 'text' | 'reasoning', text: string): void {
  if (text === '') return;
  const last = output.at(-1);
  if (last?.type === type) output[output.length - 1] = { ...last, text: last.text + text };
  else output.push({ type, text });
}
