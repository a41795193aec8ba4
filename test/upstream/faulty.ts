import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';

/** A request as it came over the wire. */
export interface Seen {
  /** E.g. `POST /v1/chat/completions`. */
  readonly line: string;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** The head, byte by byte. */
  readonly head: string;
  readonly body: string;
  /** Resolves when the connection it came on is gone. */
  readonly closed: Promise<void>;
}

/** What an upstream does with a connection on which a request came. */
export type Behaviour = (socket: Socket, request: Seen) => unknown;

export interface FaultyUpstream {
  readonly url: string;
  /** Every request but the probes, in order. */
  readonly requests: readonly Seen[];
  /** Connections that are open now. */
  readonly open: number;
  /** The next request but a probe. */
  next(): Promise<Seen>;
  close(): Promise<void>;
}

/**
 * An upstream that speaks HTTP by hand, so that it can speak it wrongly. `behave` says what happens to each request;
 * probes are answered well.
 */
export async function faulty(behave: (request: Seen) => Behaviour): Promise<FaultyUpstream> {
  const requests: Seen[] = [];
  const sockets = new Set<Socket>();
  let waiting: ((seen: Seen) => void)[] = [];
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    const gone = Promise.withResolvers<void>();
    socket.on('close', () => {
      sockets.delete(socket);
      gone.resolve();
    });
    socket.on('error', () => {});
    let bytes: Buffer = Buffer.alloc(0);
    socket.on('data', (data) => {
      bytes = Buffer.concat([bytes, data]);
      for (let read = readRequest(bytes, gone.promise); read; read = readRequest(bytes, gone.promise)) {
        bytes = bytes.subarray(read.length);
        const { seen } = read;
        if (seen.line.startsWith('GET ')) {
          socket.write(json(seen.line.includes('/v1/models') ? '{"object":"list","data":[]}' : '{}'));
          continue;
        }
        requests.push(seen);
        for (const wake of waiting.splice(0)) wake(seen);
        behave(seen)(socket, seen);
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    get open() {
      return sockets.size;
    },
    next: () =>
      new Promise((resolve) => {
        waiting = [...waiting, resolve];
      }),
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function readRequest(bytes: Buffer, closed: Promise<void>): { seen: Seen; length: number } | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end === -1) return undefined;
  const head = bytes.toString('latin1', 0, end);
  const [line = '', ...fields] = head.split('\r\n');
  const headers = new Map(
    fields.map((field) => {
      const colon = field.indexOf(':');
      return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()];
    }),
  );
  const length = end + 4 + Number(headers.get('content-length') ?? 0);
  if (bytes.length < length) return undefined;
  const seen: Seen = {
    line: line.replace(/ HTTP.*/, ''),
    headers,
    head,
    body: bytes.toString('utf8', end + 4, length),
    closed,
  };
  return { seen, length };
}

/** A whole reply of JSON. */
export function json(body: string, status = '200 OK', headers: readonly string[] = []): string {
  return reply(status, ['Content-Type: application/json', ...headers], body);
}

/** A whole reply with a length. */
export function reply(status: string, headers: readonly string[], body: string): string {
  return head(status, [...headers, `Content-Length: ${Buffer.byteLength(body)}`]) + body;
}

export function head(status: string, headers: readonly string[]): string {
  return `HTTP/1.1 ${status}\r\n${headers.map((line) => `${line}\r\n`).join('')}\r\n`;
}

/** The head of a chunked stream of events. */
export const eventsHead = head('200 OK', [
  'Content-Type: text/event-stream; charset=utf-8',
  'Transfer-Encoding: chunked',
]);

/** One chunk of HTTP's chunked coding. */
export function chunk(data: string | Buffer): Buffer {
  const bytes = Buffer.from(data as string);
  return bytes.length === 0
    ? bytes
    : Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]);
}

/** The end of HTTP's chunked coding. */
export const lastChunk = '0\r\n\r\n';
