import { execFile, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { createServer as createSecureServer, getCACertificates, setDefaultCACertificates } from 'node:tls';
import { promisify } from 'node:util';
import { afterEach, expect, test } from 'vitest';
import { ask } from '../../../src/upstream/wire/ask.ts';
import { Connections } from '../../../src/upstream/wire/connections.ts';
import type { Request } from '../../../src/upstream/wire/request.ts';

const patience = { connect: 2_000, first_byte: 2_000, idle: 2_000 };
const never = new AbortController().signal;
const question: Request = { method: 'POST', path: '/ask', headers: ['accept', '*/*'], body: [Buffer.from('?')] };

let server: Server;
let connections: Connections;
afterEach(async () => {
  connections.close();
  server.close();
  await once(server, 'close');
});

/** A server that does this with the n-th connection, counted from 1, whenever something arrives on it. */
async function listen(
  answer: (socket: Socket, nth: number, arrived: string) => void,
): Promise<{ readonly count: number; readonly sockets: readonly Socket[] }> {
  const seen = { count: 0, sockets: [] as Socket[] };
  server = createServer((socket) => {
    const nth = ++seen.count;
    seen.sockets.push(socket);
    socket.on('error', () => {}).on('data', (data) => answer(socket, nth, data.toString('latin1')));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  connections = new Connections(new URL(`http://127.0.0.1:${port}`), patience);
  return seen;
}

async function said(request: Request = question): Promise<string> {
  const reply = await ask(connections, request, never);
  return text(reply.body);
}

const reply = (body: string, more = '') => `HTTP/1.1 200 OK\r\n${more}Content-Length: ${body.length}\r\n\r\n${body}`;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test('one request after the other goes over one connection', async () => {
  const seen = await listen((socket, nth) => socket.write(reply(`on ${nth}`)));
  expect([await said(), await said(), await said()]).toEqual(['on 1', 'on 1', 'on 1']);
  expect(seen.count).toBe(1);
});

test('requests at the same time do not wait for each other', async () => {
  const waiting: Socket[] = [];
  await listen((socket) => {
    // Nobody is answered before all have asked.
    if (waiting.push(socket) === 5) for (const each of waiting) each.write(reply('all'));
  });
  expect(await Promise.all(Array.from({ length: 5 }, () => said()))).toEqual(Array(5).fill('all'));
});

test('a kept connection that the server closes just when it is used is not the request’s fault: it goes again', async () => {
  const seen = await listen((socket, nth) => {
    // It answers the first request and, as a server does that restarts, only hangs up on the second.
    if (nth === 1 && socket.bytesWritten > 0) socket.resetAndDestroy();
    else socket.write(reply(`on ${nth}`));
  });
  expect([await said(), await said()]).toEqual(['on 1', 'on 2']);
  expect(seen.count).toBe(2);
});

test('a new connection that is closed before its reply is a failure, and so is one that had begun its reply', async () => {
  await listen((socket, nth) => {
    if (nth === 1) socket.destroy();
    else if (socket.bytesWritten === 0) socket.write(reply('first'));
    else socket.end('HTTP/1.1 2');
  });
  await expect(said()).rejects.toMatchObject({ code: 'closed' });
  expect(await said()).toBe('first');
  await expect(said()).rejects.toMatchObject({ code: 'closed' });
});

test('a body that is read from somewhere, which cannot be sent twice, gets a connection that nobody can have closed yet', async () => {
  const seen = await listen((socket, nth, data) => {
    if (nth === 1 && socket.bytesWritten > 0) socket.resetAndDestroy();
    else if (nth === 1 || data.endsWith('0\r\n\r\n')) socket.write(reply(`on ${nth}`));
  });
  expect(await said()).toBe('on 1');
  expect(await said({ ...question, body: Readable.from(['once']) })).toBe('on 2');
  expect(seen.count).toBe(2);
});

test('what a server sends without being asked reaches nobody', async () => {
  const seen = await listen((socket, nth) => socket.write(reply(`on ${nth}`)));
  expect(await said()).toBe('on 1');
  // A second answer, on a connection that waits for its next request.
  seen.sockets[0]?.write(reply('evil'));
  await pause(50);
  expect(await said()).toBe('on 2');
  expect(seen.count).toBe(2);
});

test('a connection is not kept for longer than the server says it keeps it', async () => {
  const seen = await listen((socket, nth) => socket.write(reply(`on ${nth}`, 'Keep-Alive: timeout=2\r\n')));
  expect(await said()).toBe('on 1');
  await pause(1_300);
  expect(await said()).toBe('on 2');
  expect(seen.count).toBe(2);
});

test('an answer that comes before the request is all there ends the request', async () => {
  await listen((socket) => socket.write(reply('no', 'X: y\r\n')));
  const body = new Readable({ read() {} });
  body.push('the beginning');
  expect(await said({ ...question, body })).toBe('no');
  expect(body.destroyed).toBe(true);
  expect(await said()).toBe('no');
});

test('a body that is closed before its end is no end: the call fails at once', async () => {
  await listen(() => {});
  const body = new Readable({ read() {} });
  body.push('the beginning');
  const asked = said({ ...question, body });
  setTimeout(() => body.destroy(), 50);
  await expect(asked).rejects.toMatchObject({ code: 'cancelled' });
});

test('a body that is read from somewhere arrives in chunks, none of them empty', async () => {
  let arrived = '';
  await listen((socket, _, data) => {
    arrived += data;
    if (arrived.endsWith('0\r\n\r\n')) socket.write(reply('thanks'));
  });
  expect(
    await said({ ...question, body: Readable.from([Buffer.from('one'), Buffer.alloc(0), Buffer.from('three')]) }),
  ).toBe('thanks');
  expect(arrived.split('\r\n\r\n').slice(1).join('\r\n\r\n')).toBe('3\r\none\r\n5\r\nthree\r\n0\r\n\r\n');
  expect(arrived).toContain('transfer-encoding: chunked\r\n');
  expect(arrived).not.toContain('content-length');
});

test.each([
  ['a line break', 'a\r\nX-Evil: 1'],
  ['a NUL', 'a\0'],
  // Its lower byte is a line break.
  ['a letter that Latin-1 does not have', 'a\u560a'],
])('a header with %s is not sent', async (_, value) => {
  const seen = await listen(() => {});
  // Told to the reader, who is told how every call ends.
  const told: string[] = [];
  const reader = { begin() {}, head() {}, data() {}, end() {}, fail: (error: Error) => void told.push(error.message) };
  connections.dispatch({ ...question, headers: ['x-test', value] }, reader);
  expect(told).toEqual(['a header has a character that no header can carry']);
  await expect(said({ ...question, headers: ['x-test', value] })).rejects.toMatchObject({ code: 'unsendable' });
  await expect(said({ ...question, path: `/${value}` })).rejects.toThrow('no header can carry');
  expect(seen.count).toBe(0);
});

test('whoever gives up is told so at once, and the server sees it', async () => {
  const gone = Promise.withResolvers<void>();
  await listen((socket) => socket.on('close', () => gone.resolve()));
  const abort = new AbortController();
  const asked = ask(connections, question, abort.signal);
  await pause(50);
  abort.abort(new Error('enough'));
  await expect(asked).rejects.toThrow('enough');
  await gone.promise;
});

test.each([
  ['nothing comes', '', 'first_byte_timeout'],
  ['it falls silent', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe', 'idle_timeout'],
])('when %s, the reply fails in time', async (_, begun, code) => {
  await listen((socket) => socket.write(begun));
  const { port } = server.address() as AddressInfo;
  connections.close();
  connections = new Connections(new URL(`http://127.0.0.1:${port}`), { connect: 100, first_byte: 100, idle: 100 });
  await expect(said()).rejects.toMatchObject({ code });
});

test('a reader that takes its time is not the server’s silence', async () => {
  const long = 'a'.repeat(4_000_000);
  await listen((socket) => socket.write(reply(long)));
  const { port } = server.address() as AddressInfo;
  connections.close();
  connections = new Connections(new URL(`http://127.0.0.1:${port}`), { connect: 150, first_byte: 150, idle: 150 });
  const { body } = await ask(connections, question, never);
  let size = 0;
  for await (const piece of body) {
    if (size === 0) await pause(500);
    size += piece.length;
  }
  expect(size).toBe(long.length);
});

test('nothing is asked after the end', async () => {
  const seen = await listen((socket) => socket.write(reply('late')));
  expect(await said()).toBe('late');
  connections.close();
  await expect(said()).rejects.toMatchObject({ code: 'closed' });
  expect(seen.count).toBe(1);
});

const openssl = spawnSync('openssl', ['version']).status === 0;
test.skipIf(!openssl)(
  `over TLS all is the same, and a certificate that nobody vouches for is refused${openssl ? '' : ' (skipped: openssl is not installed)'}`,
  async () => {
    const directory = await mkdtemp(join(tmpdir(), 'backplane-test-'));
    const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
    await promisify(execFile)('openssl', [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
      ...['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', cert],
    ]);
    let count = 0;
    server = createSecureServer({ key: await readFile(key), cert: await readFile(cert) }, (socket) => {
      count++;
      socket.on('error', () => {}).on('data', () => socket.write(reply(`for ${socket.servername}`)));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    connections = new Connections(new URL(`https://localhost:${port}`), patience);
    await expect(said()).rejects.toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    const usual = getCACertificates('default');
    try {
      setDefaultCACertificates([...usual, await readFile(cert, 'utf8')]);
      expect([await said(), await said()]).toEqual(['for localhost', 'for localhost']);
      expect(count).toBe(1);
    } finally {
      setDefaultCACertificates(usual);
      await rm(directory, { recursive: true });
    }
  },
);
