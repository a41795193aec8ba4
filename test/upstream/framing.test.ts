import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningServer, serve } from '../server.ts';
import { chunk, eventsHead, type FaultyUpstream, faulty, lastChunk } from './faulty.ts';

/** More than is copied into a frame of ours. */
const long = 'ä'.repeat(90_000);
const texts = ['one', 'zwei – drei', long, 'last'];
const events = texts.map((content) => `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}\n\n`);
const finish = `data: ${JSON.stringify({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })}\n\n`;

let upstream: FaultyUpstream;
let server: RunningServer;
beforeAll(async () => {
  upstream = await faulty(() => async (socket) => {
    socket.write(eventsHead);
    for (const event of [...events, finish]) {
      socket.write(chunk(event));
      await new Promise((resolve) => setTimeout(resolve, 15));
    }
    socket.write(Buffer.concat([chunk('data: [DONE]\n\n'), Buffer.from(lastChunk)]));
  });
  server = await serve(`server: { port: 0 }
plugins: ["@backplane/vllm-proxy"]
models:
  - { id: relayed, backend: vllm, options: { upstreams: [{ url: ${upstream.url} }] } }
  - { id: decoded, backend: vllm, reasoning: separate, options: { upstreams: [{ url: ${upstream.url} }] } }`);
});
afterAll(async () => {
  await server.stop();
  await upstream.close();
});

function request(model: string, version: string): string {
  const body = JSON.stringify({ model, stream: true, messages: [{ role: 'user', content: 'Hello' }] });
  const length = Buffer.byteLength(body);
  return `POST /v1/chat/completions HTTP/${version}\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n${body}`;
}

/** Sends these bytes and returns all that comes back, until so many replies have ended or the connection has. */
function exchange(bytes: string, until: (said: Buffer) => boolean): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(server.url);
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    const pieces: Buffer[] = [];
    socket.on('data', (data) => {
      pieces.push(data);
      if (until(Buffer.concat(pieces))) socket.destroy();
    });
    socket.on('error', reject).on('close', () => resolve(Buffer.concat(pieces)));
  });
}

/** Reads one chunked reply strictly; `rest`: what follows it. */
function unframe(bytes: Buffer): { readonly body: string; readonly rest: Buffer } {
  const head = bytes.indexOf('\r\n\r\n');
  expect(bytes.toString('latin1', 0, head)).toMatch(/^HTTP\/1\.1 200 OK\r\n.*transfer-encoding: chunked/is);
  const parts: Buffer[] = [];
  for (let at = head + 4; ; ) {
    const line = bytes.indexOf('\r\n', at);
    const digits = bytes.toString('latin1', at, line);
    expect(digits).toMatch(/^[0-9a-f]+$/i);
    const size = Number.parseInt(digits, 16);
    const end = line + 2 + size;
    expect(bytes.toString('latin1', end, end + 2)).toBe('\r\n');
    if (size === 0) return { body: Buffer.concat(parts).toString(), rest: bytes.subarray(end + 2) };
    parts.push(bytes.subarray(line + 2, end));
    at = end + 2;
  }
}

function textOf(body: string): string {
  const data = body.split('\n\n').flatMap((event) => (event.startsWith('data: {') ? [event.slice(6)] : []));
  return data.map((json) => JSON.parse(json).choices[0]?.delta.content ?? '').join('');
}

describe.each(['relayed', 'decoded'])('a stream of a model that is %s', (model) => {
  test('is framed to the byte, with long pieces and letters of many bytes in it', async () => {
    const said = await exchange(request(model, '1.1'), (bytes) => bytes.toString('latin1').endsWith('\r\n0\r\n\r\n'));
    const { body, rest } = unframe(said);
    expect(rest.length).toBe(0);
    expect(textOf(body)).toBe(texts.join(''));
    expect(body.endsWith('data: [DONE]\n\n')).toBe(true);
  });

  test('comes after the one before it, to a client that asks for both at once', async () => {
    const ends = (bytes: Buffer) => bytes.toString('latin1').split('\r\n0\r\n\r\n').length - 1;
    const said = await exchange(request(model, '1.1') + request(model, '1.1'), (bytes) => ends(bytes) === 2);
    const first = unframe(said);
    const second = unframe(first.rest);
    expect([first, second].map(({ body }) => textOf(body))).toEqual([texts.join(''), texts.join('')]);
    expect(second.rest.length).toBe(0);
  });

  test('has no chunks for a client of HTTP/1.0, and ends with its connection', async () => {
    const said = await exchange(request(model, '1.0'), () => false);
    const head = said.indexOf('\r\n\r\n');
    expect(said.toString('latin1', 0, head)).not.toMatch(/transfer-encoding/i);
    const body = said.toString('utf8', head + 4);
    expect(body).toMatch(/^data: \{/);
    expect(textOf(body)).toBe(texts.join(''));
    expect(body.endsWith('data: [DONE]\n\n')).toBe(true);
  });
});
