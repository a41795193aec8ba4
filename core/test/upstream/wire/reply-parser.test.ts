import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ReplyParser } from '../../../src/upstream/wire/reply-parser.ts';

interface Read {
  readonly status: number | undefined;
  readonly body: string;
  readonly done: boolean;
  readonly reusable: boolean;
  readonly fault: string | undefined;
}

/** Reads the pieces of one reply; `closed`: the connection ends behind them. */
function read(pieces: readonly (string | Buffer)[], closed = false): Read {
  const parser = new ReplyParser();
  const body: Buffer[] = [];
  for (const piece of pieces) {
    // What arrives lies in memory that the next read writes over.
    const arrived = Buffer.from(piece as string, 'latin1');
    const bytes = parser.push(arrived);
    if (bytes) body.push(bytes);
    arrived.fill(0);
    if (parser.fault) break;
  }
  if (closed) parser.close();
  const { done, head, reusable, fault } = parser;
  return { status: head?.status, body: Buffer.concat(body).toString('latin1'), done, reusable, fault: fault?.code };
}

/** Every way to cut a reply in two, and every byte by itself. */
function cuts(reply: string): string[][] {
  const halves = Array.from({ length: reply.length - 1 }, (_, at) => [reply.slice(0, at + 1), reply.slice(at + 1)]);
  return [[reply], ...halves, [...reply]];
}

const whole = { status: 200, body: 'hello', done: true, reusable: true, fault: undefined };

describe('a reply is read the same wherever it is cut', () => {
  test.each([
    ['with a length', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'],
    ['in chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n'],
    [
      'in chunks with extensions and a trailer',
      'HTTP/1.1 200 OK\r\ntransfer-encoding: CHUNKED\r\n\r\n5;a=b\r\nhello\r\n0 \r\nX-Sum: 1\r\nX-More: 2\r\n\r\n',
    ],
    [
      'after 100 and 103',
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
    ],
    [
      'of HTTP/1.0 that keeps its connection',
      'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello',
    ],
    ['without a reason phrase', 'HTTP/1.1 200\r\nContent-Length:5\r\n\r\nhello'],
  ])('%s', (_, reply) => {
    for (const pieces of cuts(reply)) expect(read(pieces), JSON.stringify(pieces)).toEqual(whole);
  });

  test('that ends with its connection', () => {
    const reply = 'HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\nhello';
    for (const pieces of cuts(reply)) {
      expect(read(pieces, true), JSON.stringify(pieces)).toEqual({ ...whole, reusable: false });
    }
  });
});

test('any body comes through any chunks and any cuts byte by byte', () => {
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 300 });
  fc.assert(
    fc.property(fc.array(bytes, { maxLength: 8 }), fc.array(fc.nat(2_000), { maxLength: 12 }), (chunks, at) => {
      const framed = chunks.flatMap((chunk) => [`${chunk.length.toString(16)}\r\n`, chunk, '\r\n']);
      const reply = Buffer.concat(
        ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', ...framed, '0\r\n\r\n'].map((part) =>
          Buffer.from(part as string),
        ),
      );
      const ends = [...at.map((end) => end % reply.length), reply.length].toSorted((a, b) => a - b);
      const pieces = ends
        .map((end, place) => reply.subarray(ends[place - 1] ?? 0, end))
        .filter(({ length }) => length > 0);
      const { body, done, reusable } = read(pieces);
      expect(Buffer.from(body, 'latin1').equals(Buffer.concat(chunks))).toBe(true);
      expect({ done, reusable }).toEqual({ done: true, reusable: true });
    }),
  );
});

test.each([
  ['204', 'HTTP/1.1 204 No Content\r\n\r\n'],
  ['304', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n'],
  ['a length of 0', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'],
])('%s has no body', (_, reply) => {
  expect(read([reply])).toMatchObject({ body: '', done: true, reusable: true });
});

test('a connection that the server means to close carries no second reply', () => {
  const reply = (more: string) => `HTTP/1.1 200 OK\r\n${more}Content-Length: 5\r\n\r\nhello`;
  expect(read([reply('Connection: close\r\n')])).toEqual({ ...whole, reusable: false });
  expect(read([reply('Connection: Keep-Alive, Close\r\n')])).toEqual({ ...whole, reusable: false });
  expect(read([reply('').replace('1.1', '1.0')])).toEqual({ ...whole, reusable: false });
});

test('what comes behind a reply is nobody’s answer, and its connection carries no other', () => {
  const second = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil';
  expect(read([`HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello${second}`])).toEqual({ ...whole, reusable: false });
  const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n';
  expect(read([chunked + second])).toEqual({ ...whole, reusable: false });
});

describe('is refused', () => {
  const head = (lines: string) => `HTTP/1.1 200 OK\r\n${lines}\r\n\r\n`;
  const chunked = head('Transfer-Encoding: chunked');
  test.each([
    ['what does not begin as a reply', '<html>'],
    ['another version', 'HTTP/2.0 200 OK\r\n\r\n'],
    ['a status that is none', 'HTTP/1.1 2x0 OK\r\n\r\n'],
    ['a status that is a number in other words', 'HTTP/1.1 1e2 OK\r\n\r\n'],
    ['a status of four digits', 'HTTP/1.1 2000 OK\r\n\r\n'],
    ['another protocol', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n'],
    ['a line that ends with LF alone', 'HTTP/1.1 200 OK\nContent-Length: 5\n\nhello'],
    ['an LF alone between lines', head('A: b\nContent-Length: 5')],
    ['a CR alone', head('A: b\rContent-Length: 5')],
    ['a NUL', head('A: b\0c')],
    ['a field without a colon', head('Content-Length')],
    ['a field without a name', head(': 5')],
    ['a space before the colon', head('Content-Length : 5')],
    ['a line that goes on in the next', head('A: b\r\n Content-Length: 5')],
    ['two lengths', head('Content-Length: 5\r\nContent-Length: 6')],
    ['a length twice', head('Content-Length: 5\r\nContent-Length: 5')],
    ['a length with a sign', head('Content-Length: +5')],
    ['a length that is a list', head('Content-Length: 5, 5')],
    ['no length at all, said', head('Content-Length: ')],
    ['a length and chunks', head('Content-Length: 5\r\nTransfer-Encoding: chunked')],
    ['a coding that is not read', head('Transfer-Encoding: gzip, chunked')],
    ['chunks of chunks', head('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked')],
    ['a chunk without a size', `${chunked}\r\nhello`],
    ['a size that is no number', `${chunked}5g\r\nhello`],
    ['a negative size', `${chunked}-5\r\nhello`],
    ['a size of more than any memory', `${chunked}fffffffffffff\r\nhello`],
    ['a chunk that is longer than it says', `${chunked}4\r\nhello\r\n0\r\n\r\n`],
  ])('%s', (_, reply) => {
    expect(read([reply]).fault).toBe('no_http');
    expect(read([reply]).done).toBe(false);
    // A byte later or earlier, and the same.
    expect(read([...reply, ' ', ' ', ' ']).fault).toBe('no_http');
  });

  test.each([
    ['a head without an end', `HTTP/1.1 200 OK\r\nA: ${'b'.repeat(17_000)}`],
    ['a head that is too large', `HTTP/1.1 200 OK\r\nA: ${'b'.repeat(17_000)}\r\n\r\n`],
    ['a chunk extension without an end', `${chunked}5;${'b'.repeat(5_000)}`],
    ['a trailer without an end', `${chunked}0\r\n${'A: b\r\n'.repeat(4_000)}`],
  ])('%s', (_, reply) => {
    expect(read([reply]).fault).toBe('head_too_large');
  });

  test('but what came in order before is given out', () => {
    expect(read([`${chunked}5\r\nhello\r\nx\r\n`])).toMatchObject({ body: 'hello', done: false, fault: 'no_http' });
  });
});

test.each([
  ['with a length', 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello'],
  ['in chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n'],
])('a reply %s that breaks off is not whole', (_, reply) => {
  expect(read([reply], true)).toMatchObject({ body: 'hello', done: false });
});

test('a second reply is read like the first', () => {
  const parser = new ReplyParser();
  for (const text of ['one', 'two']) {
    parser.begin();
    expect(String(parser.push(Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n${text}`)))).toBe(text);
    expect(parser.done).toBe(true);
  }
});
