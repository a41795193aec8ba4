import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { config } from '../src/config.ts';
import { HttpReader, type Lookup } from '../src/http.ts';

const never = new AbortController().signal;
let host: Server;
let port: number;
let reader: HttpReader | undefined;
const asked: string[] = [];

beforeEach(async () => {
  asked.length = 0;
  host = createServer(({ headers, url }, response) => {
    asked.push(`${headers.host}${url}`);
    if (url?.startsWith('/to?')) response.writeHead(302, { location: decodeURIComponent(url.slice(4)) }).end();
    else response.end('a picture');
  });
  await new Promise<void>((resolve) => host.listen(0, '127.0.0.9', resolve));
  ({ port } = host.address() as AddressInfo);
});
afterEach(async () => {
  await reader?.close();
  host.close();
});

/** A resolver that gives these answers one after the other, the last one again and again. */
function resolver(...answers: readonly (readonly string[] | Error)[]): Lookup & { names: string[] } {
  let turn = 0;
  const names: string[] = [];
  const lookup: Lookup = (name, _options, done) => {
    names.push(name);
    const answer = answers[Math.min(turn++, answers.length - 1)] as readonly string[] | Error;
    if (answer instanceof Error) done(answer, []);
    else
      done(
        null,
        answer.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      );
  };
  return Object.assign(lookup, { names });
}

function read(url: string, lookup: Lookup, url_options: object = {}): Promise<Buffer> {
  const options = { allow_hosts: ['*:*'], allow_cidrs: ['127.0.0.9/32'], timeout: '5s', ...url_options };
  reader = new HttpReader(config.parse({ url: options }).url, lookup);
  return Promise.resolve(reader.read(url, never));
}

const unavailable = {
  code: 'media_rejected',
  reason: 'not_allowed',
  message: 'The host of this media URL does not exist, or this server may not ask it.',
};

describe('a name', () => {
  test('is looked up once, and the connection goes to the address that was checked', async () => {
    const lookup = resolver(['127.0.0.9'], ['127.0.0.1']);
    expect(String(await read(`http://pictures.example:${port}/a.png`, lookup))).toBe('a picture');
    expect(lookup.names).toEqual(['pictures.example']);
    expect(asked).toEqual([`pictures.example:${port}/a.png`]);
  });

  test('that means another address the second time is refused then', async () => {
    const lookup = resolver(['127.0.0.9'], ['127.0.0.1']);
    const again = encodeURIComponent(`http://pictures.example:${port}/secret`);
    await expect(read(`http://pictures.example:${port}/to?${again}`, lookup)).rejects.toMatchObject(unavailable);
    expect(lookup.names).toHaveLength(2);
    expect(asked).toHaveLength(1);
  });

  test.each([
    ['a private address', [['10.0.0.1']]],
    ['a forbidden address among allowed ones', [['127.0.0.9', '127.0.0.1']]],
    ['the metadata of a cloud', [['169.254.169.254']]],
    ['an address within an address', [['::ffff:127.0.0.1']]],
    ['no address', [[]]],
    ['nothing', [new Error('ENOTFOUND')]],
  ] as const)('that means %s is refused in the same words', async (_name, answers) => {
    await expect(read(`http://pictures.example:${port}/`, resolver(...answers))).rejects.toMatchObject(unavailable);
    expect(asked).toEqual([]);
  });

  test('that the operator does not allow is not even looked up', async () => {
    const lookup = resolver(['127.0.0.9']);
    await expect(read('http://other.example/', lookup, { allow_hosts: ['pictures.example'] })).rejects.toMatchObject(
      unavailable,
    );
    expect(lookup.names).toEqual([]);
  });
});

test('every hop of a redirect is looked up and checked anew', async () => {
  const to = (url: string): string => `/to?${encodeURIComponent(url)}`;
  const chain = `http://a.example:${port}${to(`http://b.example:${port}${to(`http://c.example:${port}/end`)}`)}`;
  const lookup = resolver(['127.0.0.9']);
  expect(String(await read(chain, lookup))).toBe('a picture');
  expect(lookup.names).toEqual(['a.example', 'b.example', 'c.example']);
});

test('a range that the operator denies is not dialled, although it is public', async () => {
  const lookup = resolver(['93.184.215.14']);
  await expect(read('http://pictures.example/', lookup, { deny_cidrs: ['93.184.0.0/16'] })).rejects.toMatchObject(
    unavailable,
  );
});

test('a caller that leaves ends the fetch for its own reason', async () => {
  const gone = new AbortController();
  const reason = new Error('gone');
  reader = new HttpReader(config.parse({ url: { allow_hosts: ['*:*'] } }).url, () => gone.abort(reason));
  await expect(reader.read(`http://pictures.example:${port}/`, gone.signal)).rejects.toBe(reason);
});
