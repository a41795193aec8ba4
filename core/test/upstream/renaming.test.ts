import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Renaming, RenamingStream } from '../../src/upstream/renaming.ts';
import { cutBytes } from './streams.ts';

const names = fc.oneof(
  fc.constantFrom('m', 'org/模型', 'a"b', 'model', '\\u0041'),
  fc.string({ minLength: 1, unit: 'grapheme' }),
);

describe('a renamed model', () => {
  it('has its new name in every object of a reply, and nothing else changes', () => {
    fc.assert(
      fc.property(names, names, fc.jsonValue(), (there, here, rest) => {
        fc.pre(!JSON.stringify(rest).includes('"model":'));
        const reply = (model: string) =>
          JSON.stringify({ rest, model, nested: [{ model }, rest], text: `"model":"${there}"` });
        expect(new Renaming(there, here).apply(Buffer.from(reply(there))).toString()).toBe(
          JSON.stringify({ ...JSON.parse(reply(here)), text: `"model":"${there}"` }),
        );
      }),
    );
  });

  it('is found as Python writes it', () => {
    const apply = (text: string) => new Renaming('模型', 'here').apply(Buffer.from(text)).toString();
    expect(apply('{"model": "\\u6a21\\u578b", "id": 1}')).toBe('{"model": "here", "id": 1}');
    expect(apply('{"model": "模型"}')).toBe('{"model": "here"}');
  });

  it('is renamed wherever the reply is cut into pieces', () => {
    const replies = fc
      .array(
        fc.constantFrom('{"model":"there"}', '"model": "there"', '{"mod', '"', '"model":"thereabouts"', '\n', '你'),
        { maxLength: 8 },
      )
      .map((parts) => Buffer.from(parts.join(',')));
    const renaming = new Renaming('there', 'here');
    fc.assert(
      fc.property(cutBytes(replies), ({ bytes, pieces }) => {
        const stream = new RenamingStream(renaming);
        const out = [...pieces.map((piece) => stream.push(piece)), stream.end() ?? Buffer.alloc(0)];
        const named = bytes.toString().replaceAll(/("model": ?)"there"/g, '$1"here"');
        expect(Buffer.concat(out).toString()).toBe(named);
      }),
    );
  });
});
