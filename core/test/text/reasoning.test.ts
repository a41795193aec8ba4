import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ReasoningSplitter, type Segment } from '../../src/text/index.ts';
import { cutText, textOf } from './cuts.ts';

function merged(segments: readonly Segment[]): Segment[] {
  const result: Segment[] = [];
  for (const segment of segments) {
    const last = result.at(-1);
    if (last?.kind === segment.kind) result[result.length - 1] = { ...last, text: last.text + segment.text };
    else result.push(segment);
  }
  return result;
}

function split(pieces: readonly string[], inside = false): Segment[] {
  const splitter = new ReasoningSplitter({ inside });
  return merged([...pieces.flatMap((piece) => splitter.push(piece)), ...splitter.flush()]);
}

/** By definition, on the whole text at once. */
function expected(text: string, inside: boolean): Segment[] {
  const block = inside
    ? /^(\n?)([\s\S]*?)(\n?<\/think>\n{0,2}|$(?![\s\S]))/
    : /^([ \t\r\n]*<think>\n?)([\s\S]*?)(\n?<\/think>\n{0,2}|$(?![\s\S]))/;
  const [whole = '', opening = '', reasoning = '', closing = ''] = block.exec(text) ?? [];
  const segments: Segment[] = [
    { kind: 'markup', text: opening },
    { kind: 'reasoning', text: reasoning },
    { kind: 'markup', text: closing },
    { kind: 'text', text: text.slice(whole.length) },
  ];
  return merged(segments.filter((segment) => segment.text !== ''));
}

describe('reasoning', () => {
  it('is what stands between the tags, without the newlines that belong to them', () => {
    expect(split(['<think>\n先想一想\n</think>\n\n你好 😀'])).toEqual([
      { kind: 'markup', text: '<think>\n' },
      { kind: 'reasoning', text: '先想一想' },
      { kind: 'markup', text: '\n</think>\n\n' },
      { kind: 'text', text: '你好 😀' },
    ]);
  });

  it('comes out as it is written, not at its end', () => {
    const splitter = new ReasoningSplitter();
    splitter.push('<think>\n');
    expect(splitter.push('one ')).toEqual([{ kind: 'reasoning', text: 'one ' }]);
    expect(splitter.push('two <')).toEqual([{ kind: 'reasoning', text: 'two ' }]);
    expect(splitter.push(' 3')).toEqual([{ kind: 'reasoning', text: '< 3' }]);
  });

  it('may be empty', () => {
    expect(split(['<think>\n\n</think>\n\nHi'])).toEqual([
      { kind: 'markup', text: '<think>\n\n</think>\n\n' },
      { kind: 'text', text: 'Hi' },
    ]);
  });

  it('goes on to the end when it is never closed', () => {
    expect(split(['<think>\n', 'so', '\n</thin']).at(-1)).toEqual({ kind: 'reasoning', text: 'so\n</thin' });
  });

  it('may have been opened by the prompt', () => {
    expect(split(['so', '\n</think>\n\n', 'Hi'], true)).toEqual([
      { kind: 'reasoning', text: 'so' },
      { kind: 'markup', text: '\n</think>\n\n' },
      { kind: 'text', text: 'Hi' },
    ]);
  });

  it.each([
    'The tag <think> opens it.</think>',
    '</think> Hi',
    '<thin',
    '  <',
    'x<think>a</think>',
    '\n',
  ])('is not found in %j, which is all text', (text) => {
    expect(split([text])).toEqual([{ kind: 'text', text }]);
  });

  it('comes once: a later block is the answer', () => {
    expect(split(['<think>a</think><think>b</think>']).at(-1)).toEqual({ kind: 'text', text: '<think>b</think>' });
  });

  it('is the same, and nothing is lost, however the text is cut', () => {
    const start = fc.constantFrom('', '<think>', '<think>\n', '\n <think>');
    const body = textOf('<think>', '</think>', '\n</think>\n\n', '</th', '</', '\n\n');
    const whole = fc.tuple(start, body).map((parts) => parts.join(''));
    fc.assert(
      fc.property(fc.boolean(), cutText(whole), (inside, { text, pieces }) => {
        const segments = split(pieces, inside);
        expect(segments).toEqual(expected(text, inside));
        expect(segments.map((segment) => segment.text).join('')).toBe(text);
      }),
      { numRuns: 1000 },
    );
  });
});
