import { createHash } from 'node:crypto';
import { createServer as createHttpServer, type Server } from 'node:http';
import { type AddressInfo, createServer, type Server as NetServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningServer, serve } from '../server.ts';

// A request of megabytes is given back to the system as soon as it is over, so each of these would show one that was
// given back too early: what arrives would not be what was sent.

const sha256 = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');

/** Says what it got. */
let whole: Server;
/** Reads a part of each request and breaks off. */
let breaking: NetServer;
/** Refuses each request when it has seen its head, and reads no further. */
let refusing: NetServer;
let refusals = 0;
let broken = 0;
let arrived: string[] = [];
let server: RunningServer;

/** A server that does this as the bytes of a request arrive. */
function listener(read: (socket: Socket, size: number) => void): NetServer {
  return createServer((socket) => {
    let size = 0;
    socket
      .on('error', () => {})
      .on('data', (data) => {
        size += data.length;
        // Which models it has, it does not say.
        if (data.toString('latin1', 0, 4) === 'GET ') socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n');
        else read(socket, size);
      });
  });
}

const listening = async (one: Server | NetServer): Promise<string> => {
  await new Promise<void>((resolve) => one.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(one.address() as AddressInfo).port}`;
};

beforeAll(async () => {
  whole = createHttpServer(async (request, response) => {
    const pieces: Buffer[] = [];
    try {
      for await (const piece of request) {
        pieces.push(piece as Buffer);
        // Slower than it is sent.
        if (pieces.length % 16 === 0) await sleep(1);
      }
    } catch {
      return;
    }
    arrived.push(sha256(Buffer.concat(pieces)));
    response.setHeader('content-type', 'application/json').end('{"choices":[]}');
  });
  breaking = listener((socket, size) => {
    if (size < 300_000) return;
    broken++;
    socket.destroy();
  });
  refusing = listener((socket) => {
    refusals++;
    socket.pause();
    const body = '{"error":{"message":"not today"}}';
    socket.write(
      `HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
  });
  const [sound, breaks, refuses] = [await listening(whole), await listening(breaking), await listening(refusing)];
  const quiet = 'probe: { enabled: false }';
  server = await serve(`plugins: ["@backplane/vllm-proxy"]
models:
  - { id: plain, backend: vllm, options: { ${quiet}, upstreams: [{ url: "${sound}" }] } }
  - { id: renamed, backend: vllm, defaults: { temperature: 0.5 }, options: { ${quiet}, upstreams: [{ url: "${sound}", model: there }] } }
  - id: broken
    backend: vllm
    options: { ${quiet}, retry: { budget: 1 }, eject: { failures: 1000 }, upstreams: [{ url: "${breaks}", weight: 1000, model: broken }, { url: "${sound}" }] }
  - { id: refusing, backend: vllm, options: { ${quiet}, upstreams: [{ url: "${refuses}" }] } }`);
});
afterAll(async () => {
  await server.stop();
  whole.closeAllConnections();
  for (const one of [whole, breaking, refusing]) one.close();
});

let pictures = 0;
/** No two are alike. */
function picture(model: string, bytes = 3_000_000): string {
  const image = Buffer.alloc(bytes, `${pictures++} of so many pictures, `).toString('base64');
  const content = [{ type: 'image_url', image_url: { url: `data:image/png;base64,${image}` } }];
  return JSON.stringify({ model, messages: [{ role: 'user', content }] });
}

const ask = (body: string, signal?: AbortSignal): Promise<Response> =>
  fetch(`${server.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
    ...(signal && { signal }),
  });

async function arrives(bodies: readonly string[], as: (body: string) => string = (body) => body): Promise<void> {
  arrived = [];
  const answers = await Promise.all(bodies.map((body) => ask(body)));
  expect(answers.map(({ status }) => status)).toEqual(bodies.map(() => 200));
  expect(arrived.toSorted()).toEqual(bodies.map((body) => sha256(as(body))).toSorted());
}

const some = (model: string): readonly string[] => Array.from({ length: 6 }, () => picture(model));

test('it arrives as it was sent, also beside others', async () => {
  await arrives(some('plain'));
  await arrives(some('plain'));
});

test('it arrives with another name and with defaults', async () => {
  const there = (body: string): string => body.replace('{"model":"renamed"', '{"temperature":0.5,"model":"there"');
  await arrives(some('renamed'), there);
});

test('it arrives whole at the next server when one breaks off while it reads', async () => {
  const before = broken;
  await arrives(some('broken'));
  expect(broken - before).toBeGreaterThan(0);
});

test('a server that refuses it unread is asked the next time over another connection', async () => {
  for (let time = 1; time <= 3; time++) {
    // More than the system takes for a server that does not read.
    const answer = await ask(picture('refusing', 18_000_000));
    expect([answer.status, await answer.json()]).toMatchObject([400, { error: { message: 'not today' } }]);
    expect(refusals).toBe(time);
  }
});

test('one whose client leaves in the middle disturbs no other', async () => {
  const leaving = new AbortController();
  const left = ask(picture('plain', 18_000_000), leaving.signal);
  await sleep(20);
  leaving.abort();
  await Promise.allSettled([left]);
  const bodies = some('plain');
  const answers = await Promise.all(bodies.map((body) => ask(body)));
  expect(answers.map(({ status }) => status)).toEqual(bodies.map(() => 200));
  expect(arrived).toEqual(expect.arrayContaining(bodies.map(sha256)));
});
