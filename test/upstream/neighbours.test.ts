import { readdirSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningServer, serve } from '../server.ts';
import { faults } from './faults.ts';
import { chunk, eventsHead, type FaultyUpstream, faulty, head } from './faulty.ts';
import { chat, verdict } from './wire.ts';

let bad: FaultyUpstream;
let good: FaultyUpstream;
let server: RunningServer;
/** Bytes that the upstream was able to write of a flood, and how to wait until it is held up. */
const flood = { written: 0, blocked: Promise.withResolvers<void>() };

/** What gets an upstream ejected. */
const ejecting = [
  'hangs before the head',
  'resets before the head',
  'resets after the head',
  'answers 401',
  'answers 500',
  'sends HTML with 200',
  'sends garbage',
];

const contentOf = (body: string): string =>
  (JSON.parse(body) as { messages: { content: string }[] }).messages.at(-1)?.content ?? '';
const serveFault = (socket: Socket, name: string, streamed: boolean): unknown => faults[name]?.behave(socket, streamed);

beforeAll(async () => {
  bad = await faulty(({ body }) => (socket) => {
    const content = contentOf(body);
    if (content !== 'flood') return serveFault(socket, content, body.includes('"stream":true'));
    socket.write(eventsHead);
    const event = chunk(
      `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: 'x'.repeat(16_000) } }] })}\n\n`,
    );
    const pour = (): void => {
      if (socket.destroyed) return;
      flood.written += event.length;
      if (socket.write(event)) setImmediate(pour);
      else {
        flood.blocked.resolve();
        socket.once('drain', pour);
      }
    };
    pour();
  });
  good = await faulty(
    ({ body }) =>
      (socket) =>
        serveFault(socket, 'is slow to begin', body.includes('"stream":true')),
  );
  const options = (...urls: string[]) => `timeout: 20s, options: {
    upstreams: [${urls.map((url) => `{ url: ${url} }`).join(', ')}],
    eject: { failures: 2, for: 30s }, timeouts: { connect: 500ms, first_byte: 600ms, idle: 10s } } }`;
  server = await serve(`plugins: ["@backplane/vllm-proxy", "@backplane/metrics"]
models:
${ejecting
  .map(
    (_, index) => `  - { id: both-${index}, backend: vllm, ${options(bad.url, good.url)}
  - { id: decoded-${index}, backend: vllm, reasoning: separate, ${options(bad.url, good.url)}`,
  )
  .join('\n')}
  - { id: bad, backend: vllm, ${options(bad.url)}
  - { id: bad-decoded, backend: vllm, reasoning: separate, ${options(bad.url)}
  - { id: hurried, backend: vllm, ${options(bad.url).replace('20s', '1s')}`);
});
afterAll(async () => {
  await server.stop();
  await bad.close();
  await good.close();
});

const descriptors = (): number => readdirSync(`/proc/${server.pid}/fd`).length;
const residentMb = (): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))?.[1]) / 1024;
const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await sleep(10);
};

/** A client that sends a request and does what `then` says when its first byte of a reply comes. */
function client(model: string, content: string): Socket {
  const { port } = new URL(server.url);
  const body = JSON.stringify({ model, stream: true, messages: [{ role: 'user', content }] });
  const socket = connect(Number(port), '127.0.0.1');
  socket.on('error', () => {});
  socket.write(
    `POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  return socket;
}

describe.each(['both', 'decoded'])('with one of the two upstreams of %s misbehaving', (model) => {
  test.each([...ejecting.entries()])('no call fails, and soon none is sent there (%i: it %s)', async (index, fault) => {
    const id = `${model}-${index}`;
    const first = bad.requests.length;
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, i) => chat(server.url, id, fault, { stream: i % 2 === 0 })),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    const before = bad.requests.length;
    expect(before).toBeGreaterThan(first + 1);
    for (let i = 0; i < 6; i++) expect(verdict(await chat(server.url, id, fault, { stream: true }))).toBe('whole');
    expect(bad.requests.length).toBe(before);
  });
});

describe.each(['bad', 'bad-decoded'])('a client of %s who leaves', (model) => {
  test('before the head is known to the upstream at once', async () => {
    const arrived = bad.next();
    const socket = client(model, 'hangs before the head');
    const { closed } = await arrived;
    const begin = performance.now();
    socket.destroy();
    await closed;
    // The upstream's own silence would end it after 600 ms at the earliest.
    expect(performance.now() - begin).toBeLessThan(500);
  });

  test('in the middle is known to the upstream at once', async () => {
    const arrived = bad.next();
    const socket = client(model, 'hangs in the middle');
    const { closed } = await arrived;
    await new Promise((resolve) => socket.once('data', resolve));
    const begin = performance.now();
    socket.destroy();
    await closed;
    expect(performance.now() - begin).toBeLessThan(1_000);
  });
});

test.each([
  'bad',
  'bad-decoded',
])('a client of %s who does not read holds the upstream up, not the memory', async (model) => {
  flood.written = 0;
  flood.blocked = Promise.withResolvers();
  const socket = client(model, 'flood');
  socket.pause();
  const before = residentMb();
  await flood.blocked.promise;
  // What the kernel and both ends buffer fills up; then nothing moves.
  for (let last = -1; last !== flood.written; ) {
    last = flood.written;
    await sleep(400);
  }
  expect(flood.written).toBeLessThan(64 * 1024 * 1024);
  expect(residentMb() - before).toBeLessThan(96);
  socket.destroy();
});

test('a client who does not read is let go at the deadline', async () => {
  const arrived = bad.next();
  const socket = client('hurried', 'flood');
  socket.pause();
  const { closed } = await arrived;
  await closed;
  const line = await server.line(({ model, outcome }) => model === 'hurried' && outcome !== undefined);
  expect(line).toMatchObject({ outcome: 'timeout' });
  socket.destroy();
});

test('a reply of JSON that breaks off after its first megabyte is cut', async () => {
  // The faults' server is asked by content; this one is longer than what is gathered.
  const large = await faulty(() => (socket) => {
    const body = `{"data":"${'x'.repeat(3_000_000)}`;
    socket.write(
      Buffer.concat([
        Buffer.from(head('200 OK', ['Content-Type: application/json', 'Transfer-Encoding: chunked'])),
        chunk(body),
        Buffer.from('0\r\n\r\n'),
      ]),
    );
  });
  const proxy = await serve(`plugins: ["@backplane/vllm-proxy"]
models:
  - { id: m, backend: vllm, options: { upstreams: [{ url: ${large.url} }] } }`);
  expect(await chat(proxy.url, 'm', 'go')).toMatchObject({ status: 200, whole: false });
  await proxy.stop();
  await large.close();
});

test('an event of four megabytes passes whole, renamed too', async () => {
  const text = 'x'.repeat(4 * 1024 * 1024);
  const long = await faulty(() => (socket) => {
    const event = `data: {"choices":[{"index":0,"delta":{"content":"${text}"},"finish_reason":"stop"}],"model":"there"}\n\n`;
    socket.write(
      Buffer.concat([Buffer.from(eventsHead), chunk(event), chunk('data: [DONE]\n\n'), Buffer.from('0\r\n\r\n')]),
    );
  });
  const proxy = await serve(`plugins: ["@backplane/vllm-proxy"]
models:
  - { id: here, backend: vllm, options: { upstreams: [{ url: ${long.url}, model: there }] } }
  - { id: decoded, backend: vllm, reasoning: separate, options: { upstreams: [{ url: ${long.url}, model: there }] } }`);
  for (const model of ['here', 'decoded']) {
    const answer = await chat(proxy.url, model, 'go', { stream: true });
    expect(verdict(answer)).toBe('whole');
    expect(answer.body.includes(text)).toBe(true);
    expect(answer.body.includes(`"model":"${model}"`)).toBe(true);
    expect(answer.body.includes('there')).toBe(false);
  }
  await proxy.stop();
  await long.close();
});

test('afterwards every connection is given back', async () => {
  const before = { upstream: bad.open, own: descriptors() };
  const kinds = [
    'hangs in the middle',
    'resets in the middle',
    'sends garbage',
    'hangs before the head',
    'answers 500',
  ];
  await Promise.all(
    Array.from({ length: 100 }, async (_, i) => {
      const socket = client(i % 2 === 0 ? 'bad' : 'bad-decoded', kinds[i % kinds.length] as string);
      await new Promise((resolve) => socket.once('data', resolve));
      socket.destroy();
    }),
  );
  // Idle ones are kept for four seconds, for the next call.
  await until(() => bad.open <= before.upstream + 1);
  await until(() => descriptors() <= before.own + 3);
});
