import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StopMatcher } from '../../src/text/index.ts';
import { cutText, textOf } from './cuts.ts';

function run(stops: readonly string[], pieces: readonly string[]): { text: string; stopped: boolean } {
  const matcher = new StopMatcher(stops);
  let text = '';
  let stopped = false;
  for (const piece of pieces) {
    const matched = matcher.push(piece);
    text += matched.text;
    stopped ||= matched.stopped;
  }
  return { text: text + matcher.flush(), stopped };
}

/** By definition: the shortest beginning of the text that ends in a stop string, without the longest it ends in. */
function expected(stops: readonly string[], text: string): { text: string; stopped: boolean } {
  for (let end = 1; end <= text.length; end += 1) {
    const found = stops.filter((stop) => stop !== '' && text.slice(0, end).endsWith(stop));
    const longest = Math.max(0, ...found.map((stop) => stop.length));
    if (longest > 0) return { text: text.slice(0, end - longest), stopped: true };
  }
  return { text, stopped: false };
}

describe('stop strings', () => {
  it('one that comes in two pieces ends the text before it', () => {
    const matcher = new StopMatcher(['END']);
    expect(matcher.push('done E')).toEqual({ text: 'done ', stopped: false });
    expect(matcher.push('ND more')).toEqual({ text: '', stopped: true });
    expect(matcher.push('and more')).toEqual({ text: '', stopped: true });
    expect(matcher.flush()).toBe('');
  });

  it('what only looked like one is given back as soon as it cannot be one', () => {
    const matcher = new StopMatcher(['END']);
    matcher.push('EN');
    expect(matcher.push('G')).toEqual({ text: 'ENG', stopped: false });
  });

  it('no more is held than may become one', () => {
    const matcher = new StopMatcher(['aab']);
    expect(matcher.push('aaaa')).toEqual({ text: 'aa', stopped: false });
    expect(matcher.flush()).toBe('aa');
  });

  it.each([
    [['def', 'bc'], 'abcdef', 'a'],
    [['abcd', 'bc'], 'abcd', 'a'],
    [['c', 'abc'], 'abc', ''],
    [['\n\n'], '第一\n第二\n\n第三', '第一\n第二'],
    [['😀'], '好😁😀', '好😁'],
  ])('the first of %j in %j leaves %j', (stops, text, left) => {
    expect(run(stops, [text])).toEqual({ text: left, stopped: true });
  });

  it('an empty one stops nothing', () => {
    expect(run(['', ''], ['a', 'b'])).toEqual({ text: 'ab', stopped: false });
  });

  it('the result is the same however the text is cut', () => {
    const stop = fc.array(fc.constantFrom('a', '<', '\n', '你', '好', '😀'), { minLength: 1, maxLength: 4 });
    const stops = fc.array(
      stop.map((parts) => parts.join('')),
      { maxLength: 4 },
    );
    fc.assert(
      fc.property(stops, cutText(textOf('aa', '你', '<<')), (given, { text, pieces }) => {
        expect(run(given, pieces)).toEqual(expected(given, text));
      }),
      { numRuns: 1000 },
    );
  });
});
