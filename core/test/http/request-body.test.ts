import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { RequestBody } from '../../src/http/request-body.ts';
import { Failure } from '../../src/sdk/index.ts';

const limit = 1_000_000;

const server = createServer();
afterEach(() => {
  server.removeAllListeners('request').closeAllConnections();
  server.close();
});

interface Gathered {
  readonly error: Error | null;
  readonly body: Buffer | undefined;
  readonly pieces: readonly Buffer[];
}

/** What comes of a request whose head and body are sent as `parts`, each of them alone; it stays open, unless `leave`. */
async function gather(parts: readonly (string | Buffer)[], leave = false): Promise<Gathered> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const gathered = new Promise<Gathered>((resolve) => {
    server.once('request', (request: IncomingMessage) => {
      const pieces: Buffer[] = [];
      request.on('data', (piece: Buffer) => pieces.push(piece));
      new RequestBody(request, limit, (error, body) => resolve({ error, body, pieces })).gather();
    });
  });
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  await once(socket, 'connect');
  for (const part of parts) {
    await new Promise((resolve) => socket.write(part, resolve));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  if (leave) socket.destroy();
  const result = await gathered;
  socket.destroy();
  return result;
}

const head = (length: number): string => `POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ${length}\r\n\r\n`;
const chunkedHead = 'POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n';
const bytes = (length: number): Buffer => Buffer.from(Array.from({ length }, (_, at) => at % 251));
const chunk = (piece: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]);

describe("a request's body arrives as it was sent", () => {
  test('with its length announced, in one piece and in many', async () => {
    for (const length of [0, 1, 1_000, 65_536, 300_000, limit]) {
      const sent = bytes(length);
      const { error, body } = await gather([head(length), sent.subarray(0, 70_000), sent.subarray(70_000)]);
      expect(error).toBeNull();
      expect(body?.equals(sent)).toBe(true);
      server.close();
    }
  });

  test('in chunks, up to the limit', async () => {
    const sent = bytes(limit);
    const parts = [0, 1, 70_000, 140_000, 400_000].map((from, at, all) => chunk(sent.subarray(from, all[at + 1])));
    const { error, body } = await gather([chunkedHead, ...parts, '0\r\n\r\n']);
    expect(error).toBeNull();
    expect(body?.equals(sent)).toBe(true);
  });

  test('and takes no more memory than it needs, which can be given back, also where nobody knew how much it would be', async () => {
    const { body } = await gather([chunkedHead, chunk(bytes(300_000)), '0\r\n\r\n']);
    expect(body?.buffer.byteLength).toBe(300_000);
  });

  test('in many small pieces', async () => {
    const sent = bytes(40_000);
    const parts = Array.from({ length: 40 }, (_, at) => sent.subarray(at * 1_000, (at + 1) * 1_000));
    const { error, body } = await gather([head(sent.length), ...parts]);
    expect(error).toBeNull();
    expect(body?.equals(sent)).toBe(true);
  });

  test('and the memory of its pieces is given back at once', async () => {
    const { body, pieces } = await gather([head(300_000), bytes(300_000)]);
    expect(pieces.length).toBeGreaterThan(2);
    expect(pieces.every(({ length }) => length === 0)).toBe(true);
    expect(body).toHaveLength(300_000);
  });
});

describe("a request's body is refused", () => {
  test('unread, when it says that it is above the limit', async () => {
    const { error } = await gather([head(limit + 1)]);
    expect(error).toMatchObject({ code: 'payload_too_large' });
  });

  test('as soon as its chunks are above the limit', async () => {
    const { error } = await gather([chunkedHead, chunk(bytes(600_000)), chunk(bytes(400_001))]);
    expect(error).toMatchObject({ code: 'payload_too_large' });
  });

  test('when the client leaves before its end', async () => {
    const { error, body } = await gather([head(300_000), bytes(100_000)], true);
    expect(error).toBeInstanceOf(Failure);
    expect(error).toMatchObject({ code: 'cancelled' });
    expect(body).toBeUndefined();
  });
});
