import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ChatEvent, dialects, type TokenLogprob, type Usage } from '../../src/sdk/index.ts';
import { Finisher, type FinisherOptions } from '../../src/text/index.ts';
import { cutText, textOf } from './cuts.ts';

const base: FinisherOptions = { dialect: 'qwen3', reasoning: 'separate', tools: true, stop: [], callId: () => 'id' };

const text = (piece: string, tokens?: number): ChatEvent => ({
  type: 'text',
  text: piece,
  ...(tokens !== undefined && { tokens }),
});
const reasoning = (piece: string): ChatEvent => ({ type: 'reasoning', text: piece });
const stopped: ChatEvent = { type: 'finish', reason: 'stop' };

/** Everything that comes out, as the core drives it: once stopped, the engine is not listened to any more. */
function run(options: Partial<FinisherOptions>, events: readonly ChatEvent[]): ChatEvent[] {
  const finisher = new Finisher({ ...base, ...options });
  const output: ChatEvent[] = [];
  for (const event of events) {
    output.push(...finisher.push(event));
    if (finisher.stopped) return [...output, ...finisher.close()];
  }
  return output;
}

const model = (pieces: readonly string[]): ChatEvent[] => [...pieces.map((piece) => text(piece, 1)), stopped];

interface Reply {
  text: string;
  reasoning: string;
  calls: { name: string; arguments: string }[];
  finish: string;
}

/** A reply as a client puts it together. */
function reply(events: readonly ChatEvent[]): Reply {
  const result: Reply = { text: '', reasoning: '', calls: [], finish: '' };
  for (const event of events) {
    if (event.type === 'text' || event.type === 'reasoning') result[event.type] += event.text;
    else if (event.type === 'finish') result.finish += event.reason;
    else if (event.type === 'tool_call') {
      result.calls[event.index] ??= { name: '', arguments: '' };
      const call = result.calls[event.index];
      if (call && event.name) call.name += event.name;
      if (call && event.arguments) call.arguments += event.arguments;
    }
  }
  return result;
}

const tokensOf = (events: readonly ChatEvent[]): number =>
  events.reduce((sum, event) => sum + ('tokens' in event ? (event.tokens ?? 0) : 0), 0);

const thought = '<think>\n先 END 想\n</think>\n\n';
const call = '<tool_call>\n{"name": "f", "arguments": {"a": "END"}}\n</tool_call>';

describe('raw text becomes events', () => {
  it('reasoning, answer and tool calls are told apart', () => {
    expect(reply(run({}, model([`${thought}Let me see.\n${call}`])))).toEqual({
      reasoning: '先 END 想',
      text: 'Let me see.',
      calls: [{ name: 'f', arguments: '{"a": "END"}' }],
      finish: 'tool_calls',
    });
  });

  it('an answer cut by its length says so, although a call was made', () => {
    const events = [text(call), { type: 'finish', reason: 'length' } as const];
    expect(run({}, events).at(-1)).toEqual({ type: 'finish', reason: 'length' });
  });

  it('what looks like a call is text when the caller offered no tools', () => {
    expect(reply(run({ tools: false }, model([call])))).toMatchObject({ text: call, calls: [], finish: 'stop' });
  });

  it.each([
    ['plain', `${thought}${call}`, '', 0],
    ['think', call, '先 END 想', 0],
    ['hermes', thought.trimEnd(), '', 1],
    ['qwen3', '', '先 END 想', 1],
  ] as const)('the dialect %s cuts out only what it knows', (dialect, answer, thoughts, calls) => {
    const result = reply(run({ dialect }, model([thought, call])));
    expect([result.text, result.reasoning, result.calls.length]).toEqual([answer, thoughts, calls]);
  });

  it('output begins inside the reasoning when the prompt opened it', () => {
    const started = { type: 'started', promptTokens: 3, reasoning: true } as const;
    const events = run({}, [started, ...model(['so\n</think>\n\nHi'])]);
    expect(events[0]).toBe(started);
    expect(reply(events)).toMatchObject({ reasoning: 'so', text: 'Hi' });
  });

  it('empty reasoning is no reasoning', () => {
    const events = run({}, model(['<think>', '\n\n', '</think>', '\n\n', 'Hi']));
    expect(events.map((event) => event.type)).toEqual(['text', 'finish']);
  });

  it('a piece with nothing in it is dropped', () => {
    for (const dialect of [...dialects, undefined]) expect(run({ dialect }, [text(''), stopped])).toEqual([stopped]);
  });
});

describe('how reasoning is shown', () => {
  it('hidden: it is gone, and counted', () => {
    const usage: Usage = { promptTokens: 1, completionTokens: 4 };
    const events = run({ reasoning: 'hidden' }, [
      ...['<think>\n', 'one', ' two', '\n</think>\n\n', 'Hi'].map((piece) => text(piece, 1)),
      stopped,
      { type: 'usage', usage },
    ]);
    expect(reply(events)).toMatchObject({ text: 'Hi', reasoning: '' });
    expect(events.at(-1)).toEqual({ type: 'usage', usage: { ...usage, reasoningTokens: 2 } });
  });

  it('raw: the text is what the model wrote, byte for byte', () => {
    const options = { reasoning: 'raw', tools: false } as const;
    const whole = fc
      .tuple(fc.constantFrom('', '<think>', '\n<think>\n\n'), textOf('<think>', '</think>', '\n</think>\n\n', '</'))
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(cutText(whole), ({ text: written, pieces }) => {
        expect(reply(run(options, model(pieces)))).toEqual({ text: written, reasoning: '', calls: [], finish: 'stop' });
      }),
    );
  });

  it('raw: reasoning that the backend told apart is wrapped as Qwen3 writes it', () => {
    const events = [reasoning('one'), reasoning(' two'), text('Hi'), text('!'), stopped];
    expect(reply(run({ dialect: undefined, reasoning: 'raw' }, events)).text).toBe('<think>\none two\n</think>\n\nHi!');
    const unclosed = [reasoning('one'), stopped];
    expect(reply(run({ dialect: undefined, reasoning: 'raw' }, unclosed)).text).toBe('<think>\none\n</think>\n\n');
  });

  it('hidden: reasoning that the backend told apart is gone too', () => {
    expect(run({ dialect: undefined, reasoning: 'hidden' }, [reasoning('one'), text('Hi'), stopped])).toEqual([
      text('Hi'),
      stopped,
    ]);
  });
});

describe('a backend without a dialect', () => {
  it('its events pass as they are', () => {
    const events: ChatEvent[] = [
      { type: 'started', promptTokens: 2 },
      { type: 'reasoning', text: 'one', tokens: 1 },
      text('<think>Hi', 1),
      { type: 'tool_call', index: 0, id: 'x', name: 'f' },
      { type: 'tool_call', index: 0, arguments: '{}', tokens: 3 },
      { type: 'finish', reason: 'tool_calls' },
    ];
    expect(run({ dialect: undefined }, events)).toEqual(events);
  });

  it('an engine that says stop after a call means the call', () => {
    const events: ChatEvent[] = [{ type: 'tool_call', index: 0, id: 'x', name: 'f', arguments: '{}' }, stopped];
    expect(run({ dialect: undefined }, events).at(-1)).toEqual({ type: 'finish', reason: 'tool_calls' });
  });

  it('stop strings end its text, and text held for one comes before a call', () => {
    const options = { dialect: undefined, stop: ['END'] };
    expect(reply(run(options, [text('a E'), text('ND b'), stopped])).text).toBe('a ');
    const called: ChatEvent = { type: 'tool_call', index: 0, id: 'x', name: 'f' };
    expect(run(options, [text('a E'), called, text('ND'), stopped])).toEqual([
      text('a '),
      text('E'),
      called,
      text('ND'),
      { type: 'finish', reason: 'tool_calls' },
    ]);
  });
});

describe('stop strings', () => {
  it.each(['separate', 'raw', 'hidden'] as const)('are looked for in the answer only (reasoning %s)', (mode) => {
    const options = { reasoning: mode, stop: ['END', '</think>', 'name'] };
    const result = reply(run(options, model([`${thought}ok ${call}\nthe END.`])));
    expect(result.calls).toEqual([{ name: 'f', arguments: '{"a": "END"}' }]);
    expect(result.text).toBe(`${mode === 'raw' ? thought : ''}ok\nthe `);
  });

  it('end the call with the usage counted so far', () => {
    const finisher = new Finisher({ ...base, stop: ['END'] });
    finisher.push({ type: 'started', promptTokens: 7, cachedTokens: 5 });
    finisher.push(text('<think>', 1));
    finisher.push(text('so', 2));
    finisher.push(text('</think>', 1));
    expect(finisher.stopped).toBe(false);
    expect(finisher.push(text('Hi END of', 4))).toEqual([text('Hi ', 5)]);
    expect(finisher.stopped).toBe(true);
    expect(finisher.push(text('more'))).toEqual([]);
    const usage = { promptTokens: 7, completionTokens: 8, cachedTokens: 5, reasoningTokens: 2 };
    expect(finisher.close()).toEqual([stopped, { type: 'usage', usage }]);
  });

  it('one in the text that is let out at the end ends the call all the same', () => {
    const events = run({ stop: ['\n'] }, [text('Hi\n', 2), { type: 'finish', reason: 'length' }]);
    expect(reply(events)).toMatchObject({ text: 'Hi', finish: 'stop' });
  });

  it('what follows one in the same piece is gone, tool calls too', () => {
    const result = reply(run({ stop: ['END'] }, model([`a END b ${call}`])));
    expect(result).toEqual({ text: 'a ', reasoning: '', calls: [], finish: 'stop' });
  });
});

describe('one tool call at most', () => {
  const options = { parallelToolCalls: false, stop: ['END'] };
  const second = '<tool_call>\n{"name": "g", "arguments": {}}\n</tool_call>';

  it('the answer ends where a second call begins, and the first one is whole', () => {
    expect(reply(run(options, model([call, '\nand E', second, 'more'])))).toEqual({
      text: '\nand E',
      reasoning: '',
      calls: [{ name: 'f', arguments: '{"a": "END"}' }],
      finish: 'tool_calls',
    });
  });

  it('a single call is not cut, and two are made where they are allowed', () => {
    expect(reply(run(options, model([call, 'bye'])))).toMatchObject({ text: 'bye', finish: 'tool_calls' });
    expect(reply(run({ parallelToolCalls: true }, model([call, second]))).calls).toHaveLength(2);
  });
});

describe('usage', () => {
  const usage: Usage = { promptTokens: 1, completionTokens: 2 };

  it('passes untouched where nothing was reasoned', () => {
    expect(run({}, [text('Hi', 2), stopped, { type: 'usage', usage }]).at(-1)).toEqual({ type: 'usage', usage });
  });

  it('counts the reasoning that the backend told apart', () => {
    const events = run({ dialect: undefined }, [
      { type: 'reasoning', text: 'one', tokens: 2 },
      stopped,
      { type: 'usage', usage },
    ]);
    expect(events.at(-1)).toEqual({ type: 'usage', usage: { ...usage, reasoningTokens: 2 } });
  });

  it('the engine’s own count of reasoning stands', () => {
    const own = { ...usage, reasoningTokens: 9 };
    const events = run({}, [text('<think>a', 2), stopped, { type: 'usage', usage: own }]);
    expect(events.at(-1)).toEqual({ type: 'usage', usage: own });
  });
});

describe('log probabilities', () => {
  const token = (piece: string): TokenLogprob => ({ token: piece, logprob: -1, bytes: null, top_logprobs: [] });
  const said = (piece: string): ChatEvent => ({ type: 'text', text: piece, logprobs: [token(piece)] });
  const shown = (options: Partial<FinisherOptions>, pieces: readonly string[]): string[][] =>
    run(options, [...pieces.map(said), stopped]).flatMap((event) =>
      event.type === 'text' ? [(event.logprobs ?? []).map((one) => one.token)] : [],
    );

  it('stay with their text, and those of text held back come with it', () => {
    expect(shown({ stop: ['END'] }, ['a', ' E', 'N', 'G', 'b'])).toEqual([['a'], [' E'], ['N', 'G'], ['b']]);
  });

  it('of reasoning and tool calls are dropped', () => {
    const pieces = ['<think>', '\n', 'so', '\n', '</think>', '\n\n', 'Hi', '\n', '<tool_call>', '\n', '{"name": "f"'];
    expect(shown({}, [...pieces, ', "arguments": {', '}}', '\n', '</tool_call>'])).toEqual([['Hi']]);
  });

  it('of a stop string are dropped', () => {
    expect(shown({ stop: ['END', 'abEN!'] }, ['a', 'b', 'EN', 'D'])).toEqual([['a', 'b']]);
  });

  it('of reasoning shown raw are kept', () => {
    const pieces = ['<think>', 'so', '</think>', 'Hi'];
    expect(shown({ reasoning: 'raw' }, pieces).flat()).toEqual(pieces);
  });
});

describe('cutting', () => {
  const fragments = [
    ...['<think>', '<think>\n', '</think>', '\n</think>\n\n', '<tool_call>', '</tool_call>', '</', 'END', 'E', 'ND'],
    ...['<tool_call>\n{"name": "f", "arguments": ', '{"a": "END"}', '}\n</tool_call>', '"', '}', '\n\n'],
  ];
  const options = fc.record({
    dialect: fc.constantFrom(...dialects, undefined),
    reasoning: fc.constantFrom('separate', 'raw', 'hidden'),
    tools: fc.boolean(),
    parallelToolCalls: fc.constantFrom(true, false, undefined),
    stop: fc.constantFrom([], ['END'], ['\n\n', '你'], ['<tool', 'a']),
  });

  it('the reply is the same however the text is cut', () => {
    fc.assert(
      fc.property(options, cutText(textOf(...fragments)), (given, { text: whole, pieces }) => {
        expect(reply(run(given, model(pieces)))).toEqual(reply(run(given, model([whole]))));
      }),
      { numRuns: 3000 },
    );
  });

  it('no token is lost, and no event comes empty', () => {
    fc.assert(
      fc.property(options, cutText(textOf(...fragments)), (given, { pieces }) => {
        const finisher = new Finisher({ ...base, ...given });
        let pushed = 0;
        const events: ChatEvent[] = [];
        for (const event of model(pieces)) {
          if (finisher.stopped) break;
          pushed += tokensOf([event]);
          events.push(...finisher.push(event));
        }
        expect(tokensOf(events)).toBe(pushed);
        for (const event of events) {
          if (event.type === 'text' || event.type === 'reasoning') expect(event.text || event.tokens).toBeTruthy();
        }
      }),
      { numRuns: 1000 },
    );
  });
});

it('text that needs no work any more passes as the same object', () => {
  const finisher = new Finisher({ ...base, tools: false });
  finisher.push(text(`${thought}Hi`));
  const event = text(' there', 1);
  expect(finisher.push(event)[0]).toBe(event);
});
