import { createServer, type Socket } from 'node:net';
import { eventsOf, jsonReply, type Script, scriptIn } from './script.ts';

/**
 * The upstream of every gateway, run as a process of its own: sockets and bytes that were made before, so that it is not
 * what is measured. It knows as much HTTP as the gateways speak.
 */
const json = head('application/json', `content-length: ${jsonReply.length}`);
const wholeJson = Buffer.concat([json, jsonReply]);
const streamHead = head('text/event-stream; charset=utf-8', 'transfer-encoding: chunked');
const lastChunk = Buffer.from('0\r\n\r\n');
const models = ok({
  object: 'list',
  data: [{ id: 'bench', object: 'model', owned_by: 'mock', max_model_len: 32_768 }],
});
const fine = ok({ status: 'ok', model_path: 'bench', served_model_name: 'bench', is_generation: true });

function head(type: string, framing: string): Buffer {
  return Buffer.from(`HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\n${framing}\r\n\r\n`);
}

function ok(body: object): Buffer {
  const text = JSON.stringify(body);
  return Buffer.concat([head('application/json', `content-length: ${text.length}`), Buffer.from(text)]);
}

const framed = new Map<number, readonly Buffer[]>();

/** The events as HTTP chunks, the first behind the head. */
function framesOf(chunks: number): readonly Buffer[] {
  const made =
    framed.get(chunks) ??
    eventsOf(chunks).map((event, at) =>
      Buffer.concat([
        at === 0 ? streamHead : Buffer.alloc(0),
        Buffer.from(`${event.length.toString(16)}\r\n`),
        event,
        Buffer.from('\r\n'),
        at === chunks - 1 ? lastChunk : Buffer.alloc(0),
      ]),
    );
  framed.set(chunks, made);
  return made;
}

function answer(socket: Socket, { chunks, everyMs }: Script): void {
  if (chunks === 0) {
    socket.write(wholeJson);
    return;
  }
  const frames = framesOf(chunks);
  if (everyMs === 0) {
    // One write each, as a server that flushes every token.
    for (const frame of frames) socket.write(frame);
    return;
  }
  let at = 0;
  socket.write(frames[at++] as Buffer);
  const timer = setInterval(() => {
    if (at < frames.length && !socket.destroyed) socket.write(frames[at++] as Buffer);
    else clearInterval(timer);
  }, everyMs);
}

/** One connection: requests one after the other, each known by its length or its last chunk. */
function converse(socket: Socket): void {
  let start: Buffer | undefined;
  let seen = 0;
  let wanted = 0;
  socket.setNoDelay(true);
  socket.on('error', () => socket.destroy());
  socket.on('data', (bytes: Buffer) => {
    // Only the beginning is kept: the rest of a picture is counted.
    start = start === undefined || seen < 8_192 ? (start ? Buffer.concat([start, bytes]) : bytes) : start;
    seen += bytes.length;
    if (wanted === 0) {
      const end = start.indexOf('\r\n\r\n');
      if (end === -1) return;
      const lines = start.toString('latin1', 0, end).toLowerCase();
      const length = /\r\ncontent-length: *(\d+)/.exec(lines)?.[1];
      wanted = lines.includes('\r\ntransfer-encoding: chunked')
        ? Number.POSITIVE_INFINITY
        : end + 4 + Number(length ?? 0);
    }
    if (seen < wanted && !(wanted === Number.POSITIVE_INFINITY && bytes.includes('0\r\n\r\n'))) return;
    const request = start;
    start = undefined;
    seen = 0;
    wanted = 0;
    if (request.indexOf('POST ') === 0) answer(socket, scriptIn(request));
    else socket.write(request.indexOf('GET /v1/models') === 0 ? models : fine);
  });
}

const server = createServer(converse);
server.listen(Number(process.argv[2]), '127.0.0.1', 4_096);
