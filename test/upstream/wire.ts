import { connect } from 'node:net';

/** A reply as it came over the wire. */
export interface Wired {
  /** 0: the connection ended without one. */
  readonly status: number;
  readonly head: string;
  readonly body: string;
  /** Whether the body ended as its framing says; false: it was cut. */
  readonly whole: boolean;
}

/**
 * A POST on a connection of its own, read without any leniency: what an HTTP library may forgive is seen here. `said` is
 * called with what has come so far.
 */
export function post(
  url: string,
  path: string,
  body: object | string,
  { headers = [], said }: { headers?: readonly string[]; said?: (raw: string) => void } = {},
): Promise<Wired> {
  const { hostname, port } = new URL(url);
  const content = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    const pieces: Buffer[] = [];
    socket.on('connect', () => {
      const named = headers.some((line) => /^host:/i.test(line));
      const lines = [
        ...(named ? [] : [`Host: ${hostname}:${port}`]),
        'Content-Type: application/json',
        'Connection: close',
        ...headers,
      ];
      socket.write(`POST ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\nContent-Length: ${content.length}\r\n\r\n`);
      socket.write(content);
    });
    socket.on('data', (data) => {
      pieces.push(data);
      said?.(Buffer.concat(pieces).toString());
    });
    socket.on('error', (error: NodeJS.ErrnoException) => (error.code === 'ECONNRESET' ? undefined : reject(error)));
    socket.on('close', () => resolve(read(Buffer.concat(pieces))));
  });
}

export function chat(url: string, model: string, content: string, more: object = {}): Promise<Wired> {
  return post(url, '/v1/chat/completions', { model, messages: [{ role: 'user', content }], ...more });
}

function read(bytes: Buffer): Wired {
  const end = bytes.indexOf('\r\n\r\n');
  if (end === -1) return { status: 0, head: bytes.toString(), body: '', whole: false };
  const head = bytes.toString('latin1', 0, end);
  const status = Number(head.split(' ')[1]);
  const rest = bytes.subarray(end + 4);
  if (!/^transfer-encoding: chunked/im.test(head)) {
    const length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? -1);
    return { status, head, body: rest.toString(), whole: rest.length === length };
  }
  const parts: Buffer[] = [];
  for (let at = 0; ; ) {
    const line = rest.indexOf('\r\n', at);
    const size = line === -1 ? Number.NaN : Number.parseInt(rest.toString('latin1', at, line), 16);
    const begin = line + 2;
    const whole = size === 0 && rest.toString('latin1', begin) === '\r\n';
    if (size > 0) parts.push(rest.subarray(begin, begin + size));
    if (!(size > 0) || rest.length < begin + size + 2) {
      return { status, head, body: Buffer.concat(parts).toString(), whole };
    }
    at = begin + size + 2;
  }
}

/** The `data:` lines of a stream, as a strict reader of server-sent events sees them. */
export function dataOf(body: string): readonly string[] {
  return body
    .split(/\r?\n\r?\n/)
    .slice(0, -1)
    .flatMap((event) => {
      const lines = event.split(/\r?\n/).filter((line) => line.startsWith('data:'));
      return lines.length > 0 ? lines.map((line) => line.slice(5).replace(/^ /, '')).join('\n') : [];
    });
}

/**
 * How a reply reads to someone who trusts nothing: `whole` with its bytes, or `failed`. Anything in between is a silent
 * truncation and throws.
 */
export function verdict({ status, body, whole }: Wired): 'whole' | 'failed' {
  if (status === 0) throw new Error('no reply at all');
  const data = dataOf(body);
  const done = data.findIndex((event) => event === '[DONE]' || event.startsWith('{"type":"response.completed"'));
  if (status >= 400) {
    if (!whole || typeof JSON.parse(body).error.message !== 'string') throw new Error(`a broken error: ${body}`);
    return 'failed';
  }
  const error = data.findIndex((event) => event.startsWith('{"error"'));
  if (error === -1 && done !== -1 && whole) return 'whole';
  if (error !== -1 && done === -1 && !whole) return 'failed';
  throw new Error(`neither whole nor failed (${whole ? 'orderly' : 'cut'}): ${body.slice(-300)}`);
}
