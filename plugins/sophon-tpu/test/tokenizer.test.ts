import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { golden } from './goldens.ts';
import { qwen } from './model.ts';

const { tokenizer } = qwen;
const goldens = golden<{
  readonly rows: readonly {
    readonly text: string;
    readonly ids: readonly number[];
    readonly decoded: string;
    readonly decoded_skip_special: string;
  }[];
  readonly prefix_decodes: { readonly ids: readonly number[]; readonly decoded_prefixes: readonly string[] };
  readonly special_ids: Readonly<Record<string, number>>;
}>('tokens');
const control = new RegExp(tokenizer.special.map((text) => RegExp.escape(text)).join('|'));

describe('tokens', () => {
  it.each(goldens.rows)('are those of transformers for $text', ({
    text,
    ids,
    decoded,
    decoded_skip_special: shown,
  }) => {
    expect(tokenizer.encode(text)).toEqual(ids);
    expect(tokenizer.decode(ids)).toBe(decoded);
    expect(tokenizer.decode(ids, { skipSpecial: true })).toBe(shown);
  });

  it.each(goldens.rows.filter(({ text }) => !control.test(text)))('are the same as plain text for $text', (row) => {
    expect(tokenizer.encodeAsText(row.text)).toEqual(row.ids);
  });

  it.each(
    goldens.rows.filter(({ text }) => control.test(text)),
  )('hold no control token as plain text for $text', (row) => {
    const ids = tokenizer.encodeAsText(row.text);
    expect(ids.filter((id) => tokenizer.isSpecial(id))).toEqual([]);
    expect(tokenizer.decode(ids)).toBe(row.decoded);
  });

  it('are found by their text', () => {
    const found = Object.keys(goldens.special_ids).map((text) => [text, tokenizer.id(text)]);
    expect(Object.fromEntries(found)).toEqual(goldens.special_ids);
    expect(tokenizer.id('no such token')).toBeUndefined();
  });

  it('stand for bytes that together are the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 40 }), (text) => {
        const ids = tokenizer.encodeAsText(text);
        const bytes = ids.flatMap((id) => [...(tokenizer.bytes(id) ?? [])]);
        expect(Buffer.from(bytes).toString()).toBe(text.normalize('NFC'));
      }),
    );
    expect(Buffer.from(tokenizer.bytes(151_667) ?? []).toString()).toBe('<think>');
    expect(tokenizer.bytes(151_935)).toBeUndefined();
  });

  it('that the vocabulary only pads itself with have no text', () => {
    expect(tokenizer.decode([151_935])).toBe('');
  });
});

describe('an answer that grows', () => {
  const { ids, decoded_prefixes: prefixes } = goldens.prefix_decodes;

  it('reads as transformers decodes it, token by token', () => {
    expect(ids.map((_, at) => tokenizer.decode(ids.slice(0, at + 1)))).toEqual(prefixes);
  });

  it('is told in whole characters, and is whole at the end', () => {
    const stream = tokenizer.stream();
    const pieces = [...ids.map((id) => stream.push(id).text), stream.flush().text];
    expect(pieces.filter((piece) => piece.includes('\uFFFD'))).toEqual([]);
    expect(pieces.join('')).toBe(prefixes.at(-1));
  });

  it('leaves control tokens out and keeps the marks of tool calls', () => {
    const stream = tokenizer.stream();
    const answer = tokenizer.encode('<tool_call>\n{}\n</tool_call><|im_end|>');
    expect([...answer.map((id) => stream.push(id).text), stream.flush().text].join('')).toBe(
      '<tool_call>\n{}\n</tool_call>',
    );
  });
});
