import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StreamGuard } from '../../src/upstream/stream-guard.ts';
import { cutBytes, openStream } from './streams.ts';

const done = fc.constantFrom(
  'data: [DONE]\n\n',
  'data:[DONE]\n\n',
  'data: [DONE]\r\n\r\n',
  'event: response.completed\ndata: {}\n\n',
);

function passed(pieces: readonly Buffer[]): { out: string; guard: StreamGuard } {
  const guard = new StreamGuard();
  const out = pieces.flatMap((piece) => guard.push(piece) ?? []);
  return { out: Buffer.concat([...out, guard.rest() ?? Buffer.alloc(0)]).toString(), guard };
}

describe('the guard of a stream', () => {
  it('lets every byte of a whole stream through, wherever it is cut into pieces, and knows that it is whole', () => {
    const streams = fc.tuple(openStream, done).map((parts) => Buffer.from(parts.join('')));
    fc.assert(
      fc.property(cutBytes(streams), ({ bytes, pieces }) => {
        const { out, guard } = passed(pieces);
        expect(out === bytes.toString()).toBe(true);
        expect(guard.done).toBe(true);
      }),
    );
  });

  it('takes no stream for whole that does not say so, whatever its texts say', () => {
    fc.assert(
      fc.property(cutBytes(openStream.map((text) => Buffer.from(text))), ({ bytes, pieces }) => {
        const { out, guard } = passed(pieces);
        expect(out === bytes.toString()).toBe(true);
        expect(guard.done).toBe(false);
        expect(guard.complaint).toBe(undefined);
      }),
    );
  });

  it('lets out whole events only, as long as they are not enormous', () => {
    const guard = new StreamGuard();
    const give = (text: string) => guard.push(Buffer.from(text))?.toString();
    expect(give('data: {"a"')).toBe(undefined);
    expect(give(':1}\n')).toBe(undefined);
    expect(give('\ndata: {"b":2}\n\ndata: {')).toBe('data: {"a":1}\n\ndata: {"b":2}\n\n');
    expect(guard.rest()).toBe(undefined);
  });

  it('ends what it let out of an event that was cut, so that an error event can follow it', () => {
    const cut = fc
      .tuple(openStream, fc.integer({ min: 1, max: 200_000 }))
      .map(([before, length]) => Buffer.from(`${before}data: ${'x'.repeat(length)}`));
    fc.assert(
      fc.property(cutBytes(cut), ({ bytes, pieces }) => {
        const { out, guard } = passed(pieces);
        expect(out === '' || /\n\r?\n$/.test(out)).toBe(true);
        expect(bytes.toString().startsWith(out.replace(/\s+$/, ''))).toBe(true);
        expect(guard.done).toBe(false);
      }),
    );
    const long = Buffer.from(`data: ${'x'.repeat(100_000)}`);
    expect(passed([long]).out.endsWith('x\n\n')).toBe(true);
    expect(passed([long, Buffer.alloc(0)]).out.endsWith('x\n\n')).toBe(true);
  });

  it.each([
    ['data: [DONE]', 'data: [DONE]\n\n'],
    ['data: {}\n\ndata: [DONE]\n', 'data: {}\n\ndata: [DONE]\n\n'],
    ['data: [DONE]\r\n', 'data: [DONE]\r\n\n'],
  ])('completes a last %j that lacks its blank line', (text, whole) => {
    expect(passed([Buffer.from(text)])).toMatchObject({ out: whole, guard: { done: true } });
  });

  it.each([
    ': [DONE]\n\n',
    'data: [DONE\n\n',
    'xdata: [DONE]\n\n',
    'data: "[DONE]"\n\n',
    'event: response.created\n\n',
  ])('does not take %j for the end', (text) => {
    expect(passed([Buffer.from(text)]).guard.done).toBe(false);
  });

  it('keeps back an error that the upstream reports, and what follows it', () => {
    const errors = fc.constantFrom(
      'data: {"error":{"message":"lost"}}\n\n',
      'data: {"id": "c", "error": {"message": "lost"}}\n\n',
      'event: error\ndata: {"type":"error","message":"lost"}\n\n',
      'data:{"error":{"message":"lost"}}\r\n\r\n',
    );
    const streams = fc
      .tuple(openStream, errors, openStream, done)
      .map(([before, error, after, end]) => ({ before, bytes: Buffer.from(before + error + after + end) }));
    fc.assert(
      fc.property(
        streams.chain(({ before, bytes }) => cutBytes(fc.constant(bytes)).map((cut) => ({ before, ...cut }))),
        ({ before, pieces }) => {
          const { out, guard } = passed(pieces);
          expect(guard.complaint).toMatchObject({ message: 'lost' });
          expect(guard.done).toBe(false);
          expect(out === before).toBe(true);
        },
      ),
    );
  });

  it('does not mind an error that is null, as the Responses API sends it', () => {
    const text = 'data: {"type":"response.created","response":{"error":null},"error":null}\n\n';
    expect(passed([Buffer.from(text)])).toMatchObject({ out: text, guard: { complaint: undefined } });
  });
});
