import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ToolCallParser } from '../../src/text/index.ts';
import { cutsOf, cutText, textOf } from './cuts.ts';

interface Call {
  readonly id: string;
  readonly name: string;
  arguments: string;
}

/** The text and the calls in their order, put together as a client does it. */
function parse(pieces: readonly string[]): (string | Call)[] {
  let ids = 0;
  const parser = new ToolCallParser({ id: () => `id${ids++}` });
  const result: (string | Call)[] = [];
  const calls: Call[] = [];
  for (const event of [...pieces.flatMap((piece) => parser.push(piece)), ...parser.flush()]) {
    if (event.type === 'text') {
      const last = result.at(-1);
      if (typeof last === 'string') result[result.length - 1] = last + event.text;
      else result.push(event.text);
    } else if (event.id !== undefined && event.name !== undefined) {
      expect(event.index).toBe(calls.length);
      const call = { id: event.id, name: event.name, arguments: event.arguments ?? '' };
      calls.push(call);
      result.push(call);
    } else {
      const call = calls[event.index];
      expect(call).toBe(result.at(-1));
      if (call) call.arguments += event.arguments ?? '';
    }
  }
  return result;
}

const wrap = (json: string): string => `<tool_call>\n${json}\n</tool_call>`;

describe('tool calls', () => {
  it('a call comes as its name, then its arguments as the model wrote them', () => {
    expect(parse([wrap('{"name": "get_weather", "arguments": {"city":  "北京", "days": [1, {"a": "}"}]}}')])).toEqual([
      { id: 'id0', name: 'get_weather', arguments: '{"city":  "北京", "days": [1, {"a": "}"}]}' },
    ]);
  });

  it('the name is out before the arguments begin, and they are streamed', () => {
    const parser = new ToolCallParser({ id: () => 'x' });
    expect(parser.push('<tool_call>\n{"name": "f"')).toEqual([{ type: 'tool_call', index: 0, id: 'x', name: 'f' }]);
    expect(parser.push(', "arguments": {"a"')).toEqual([{ type: 'tool_call', index: 0, arguments: '{"a"' }]);
    expect(parser.push(': 1}')).toEqual([{ type: 'tool_call', index: 0, arguments: ': 1}' }]);
    expect(parser.push('}\n</tool_call>')).toEqual([]);
  });

  it('ids are like those of OpenAI, and each is another', () => {
    const parser = new ToolCallParser();
    const events = parser.push(wrap('{"name": "f"}') + wrap('{"name": "g"}'));
    const ids = events.flatMap((event) => (event.type === 'tool_call' && event.id ? [event.id] : []));
    expect(ids).toHaveLength(2);
    for (const id of ids) expect(id).toMatch(/^call_[0-9A-Za-z]{24}$/);
    expect(ids[0]).not.toBe(ids[1]);
  });

  it('text before a call stays, without the whitespace right before the tag; between calls it is dropped', () => {
    const first = wrap('{"name": "f", "arguments": {}}');
    const second = wrap('{"name": "g", "arguments": {}}');
    expect(parse([`好的。 \n\n${first}\n \n${second}\n`])).toEqual([
      '好的。',
      { id: 'id0', name: 'f', arguments: '{}' },
      { id: 'id1', name: 'g', arguments: '{}' },
    ]);
  });

  it('text after a call is text', () => {
    expect(parse([`${wrap('{"name": "f", "arguments": {}}')}\nDone.\n`]).at(-1)).toBe('\nDone.\n');
  });

  it('arguments before the name wait for it', () => {
    expect(parse([wrap('{"arguments": {"name": "no"}, "name": "f"}')])).toEqual([
      { id: 'id0', name: 'f', arguments: '{"name": "no"}' },
    ]);
  });

  it('arguments written as a JSON string are decoded', () => {
    expect(parse([wrap(String.raw`{"name": "f", "arguments": "{\"a\": \"\u4f60\ud83d\ude00\\n\"}"}`)])).toEqual([
      { id: 'id0', name: 'f', arguments: '{"a": "你😀\\n"}' },
    ]);
  });

  it('a decoded character is never cut in half', () => {
    const parser = new ToolCallParser();
    parser.push('<tool_call>{"name": "f", "arguments": "');
    expect(parser.push('\\ud83d')).toEqual([]);
    expect(parser.push('\\ude00')).toEqual([{ type: 'tool_call', index: 0, arguments: '😀' }]);
  });

  it('a closing tag inside a string is the string’s', () => {
    expect(parse([wrap('{"name": "f", "arguments": {"a": "</tool_call>\\""}}')])).toEqual([
      { id: 'id0', name: 'f', arguments: '{"a": "</tool_call>\\""}' },
    ]);
  });

  it('other keys are skipped, and no arguments are an empty object', () => {
    expect(parse([wrap('{"id": [1, "}"], "name": "f", "more": "x"}')])).toEqual([
      { id: 'id0', name: 'f', arguments: '{}' },
    ]);
  });

  it('calls whose closing tags are missing are calls', () => {
    expect(parse(['<tool_call>{"name": "f"}<tool_call>{"name": "g"}'])).toEqual([
      { id: 'id0', name: 'f', arguments: '{}' },
      { id: 'id1', name: 'g', arguments: '{}' },
    ]);
  });

  it.each([
    'a < b and <tool_',
    'x \n<tool_call>\n',
    '<tool_call>not JSON</tool_call>',
    '<tool_call>{"name": 1}</tool_call>',
    '<tool_call>{"name": ""}</tool_call>',
    '<tool_call>{"arguments": {}}</tool_call>',
    '<tool_call>{"arguments": {"a": 1},',
    '<tool_call>{"na',
    '<tool_call>{"name": "\\x"}',
    ' \n\t ',
  ])('%j is no call, and comes out as it is', (text) => {
    expect(parse([text])).toEqual([text]);
    expect(parse([...text])).toEqual([text]);
  });

  it('a call after a broken one is still found', () => {
    expect(parse([`<tool_call><tool_call>oops\n${wrap('{"name": "f", "arguments": {}}')}`])).toEqual([
      '<tool_call><tool_call>oops',
      { id: 'id0', name: 'f', arguments: '{}' },
    ]);
  });

  it('arguments that break end there, and the rest is text', () => {
    expect(parse([`<tool_call>{"name": "f", "arguments": {"a": 1</tool_call>\nSorry.`])).toEqual([
      { id: 'id0', name: 'f', arguments: '{"a": 1' },
      '\nSorry.',
    ]);
    expect(parse(['<tool_call>{"name": "f", "arguments": {"a": §}}</tool_call>'])).toEqual([
      { id: 'id0', name: 'f', arguments: '{"a": ' },
      '§}}</tool_call>',
    ]);
  });

  it('arguments that are cut short stay as they are', () => {
    expect(parse(['<tool_call>{"name": "f", "arguments": {"a": "b'])).toEqual([
      { id: 'id0', name: 'f', arguments: '{"a": "b' },
    ]);
  });

  it('any JSON arguments come out as written, however the text is cut', () => {
    const value = fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue());
    const cut = fc
      .tuple(fc.string({ unit: 'grapheme', minLength: 1 }), value, fc.nat({ max: 2 }), fc.boolean(), fc.boolean())
      .chain(([name, object, indent, nameFirst, asString]) => {
        const json = JSON.stringify(object, null, indent);
        const args = `"arguments": ${asString ? JSON.stringify(json) : json}`;
        const keys = [`"name": ${JSON.stringify(name)}`, args];
        const text = `说明\n${wrap(`{${(nameFirst ? keys : keys.reverse()).join(', ')}}`)}`;
        return cutsOf(text).map((pieces) => ({ name, json, pieces }));
      });
    fc.assert(
      fc.property(cut, ({ name, json, pieces }) => {
        expect(parse(pieces)).toEqual(['说明', { id: 'id0', name, arguments: json }]);
      }),
    );
  });

  it('any text, broken or not, gives the same however it is cut', () => {
    const text = textOf(
      ...['<tool_call>', '<tool_call>\n{"name": "f", "arguments": ', '</tool_call>', '}\n</tool_call>', '<tool_', '</'],
      ...['{', '}', '"', '\\', '"arguments": ', '"name": "g"', ', ', '"{\\"a\\": \\u4f60}"', '{"a": [1]}', '\n \n'],
    );
    fc.assert(
      fc.property(cutText(text), ({ text: whole, pieces }) => {
        expect(parse(pieces)).toEqual(parse([whole]));
      }),
      { numRuns: 3000 },
    );
  });
});
