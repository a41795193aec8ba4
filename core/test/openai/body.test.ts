import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readBody, relayed } from '../../src/openai/body.ts';

const parse = (bytes: unknown): Record<string, unknown> => JSON.parse(Buffer.from(bytes as Uint8Array).toString());

const names = fc.constantFrom(
  'temperature',
  'max_tokens',
  'max_completion_tokens',
  'enable_thinking',
  'stop',
  '你好',
  '__proto__',
);
const members = fc.dictionary(names, fc.jsonValue({ maxDepth: 2 }), { maxKeys: 5 });
const kwargs = fc.option(
  fc.record({ enable_thinking: fc.boolean(), other: fc.jsonValue({ maxDepth: 1 }) }, { requiredKeys: [] }),
  { nil: undefined },
);
const requests = fc
  .tuple(members, kwargs, fc.string({ minLength: 1, unit: 'grapheme' }), fc.boolean())
  .map(([more, chat_template_kwargs, model, last]) => ({
    ...(!last && { model }),
    ...more,
    ...(chat_template_kwargs && { chat_template_kwargs }),
    ...(last && { model }),
  }));
const gaps = fc.constantFrom(undefined, 1, '\t');
const defaults = fc.record(
  {
    temperature: fc.constant(0.7),
    max_tokens: fc.constant(100),
    enable_thinking: fc.boolean(),
    stop: fc.constant(['\n"']),
  },
  { requiredKeys: [] },
);

/** What the request is to say upstream, worked out on objects. */
function expected(request: Record<string, unknown>, its: Record<string, unknown>): Record<string, unknown> {
  const wanted: Record<string, unknown> = { ...request };
  for (const [name, value] of Object.entries(its)) {
    const said =
      Object.hasOwn(request, name) || (name === 'max_tokens' && Object.hasOwn(request, 'max_completion_tokens'));
    if (!said && name !== 'enable_thinking') wanted[name] = value;
  }
  const thinking = Object.hasOwn(request, 'enable_thinking') ? request.enable_thinking : its.enable_thinking;
  const own = request.chat_template_kwargs as Record<string, unknown> | undefined;
  if (typeof thinking === 'boolean') wanted.chat_template_kwargs = { enable_thinking: thinking, ...own };
  return wanted;
}

describe('the body that goes on', () => {
  it('is the request with the defaults that it does not say, and enable_thinking where vLLM looks for it', () => {
    fc.assert(
      fc.property(requests, defaults, gaps, (request, its, gap) => {
        const text = JSON.stringify(request, null, gap);
        const given = JSON.parse(text) as Record<string, unknown>;
        const { body, model } = relayed(readBody(Buffer.from(text)), 'chat', its);
        expect(parse(body)).toEqual(expected(given, its));
        const span = model as { start: number; end: number };
        expect(JSON.parse(Buffer.from(body as Uint8Array).toString('utf8', span.start, span.end))).toBe(given.model);
      }),
      { numRuns: 500 },
    );
  });

  it('is the same bytes when there is nothing to add, and for tasks that have no such parameters', () => {
    const bytes = Buffer.from('{ "model" : "m",\n "temperature": 1 }');
    expect(relayed(readBody(bytes), 'chat', { temperature: 0.5 }).body).toBe(bytes);
    expect(relayed(readBody(bytes), 'embed', { max_tokens: 5 }).body).toBe(bytes);
  });

  it('reads the same of a body however large it is', () => {
    for (const size of [0, 300 * 1024]) {
      const text = JSON.stringify({ pad: 'x'.repeat(size), stream: true, model: '模"型' });
      expect(readBody(Buffer.from(text))).toMatchObject({ model: '模"型', stream: true });
    }
  });
});
