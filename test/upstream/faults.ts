import type { Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { chunk, eventsHead, head, json, lastChunk, reply } from './faulty.ts';

/** What a client is to see: a status, or of a stream that began, whether it is whole or visibly cut. */
export type Outcome = number | 'whole' | 'cut';

export interface Fault {
  /** `streamed`: what the upstream was asked for. */
  behave(socket: Socket, streamed: boolean): unknown;
  readonly plain: number;
  readonly stream: Outcome;
  /** Where it is something else because the reply is read here, not relayed. */
  readonly decoded?: Outcome;
}

/** What the answer of every fault that gives one says. */
export const said = '你好, wörld 😀';

const piece = (content: string, finish: string | null = null): string =>
  `data: {"id":"c","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{"content":${JSON.stringify(content)}},"finish_reason":${JSON.stringify(finish)}}]}\n\n`;
const done = 'data: [DONE]\n\n';
export const events = Array.from(said, (letter) => piece(letter)).join('') + piece('', 'stop') + done;
export const completion = JSON.stringify({
  id: 'c',
  object: 'chat.completion',
  model: 'm',
  choices: [{ index: 0, message: { role: 'assistant', content: said }, finish_reason: 'stop' }],
});
const failure = '{"error":{"message":"out of cards","type":"server_error","code":500}}';

/** The answer, framed as it should be. */
const answer = (streamed: boolean): string | Buffer =>
  streamed ? Buffer.concat([Buffer.from(eventsHead), chunk(events), Buffer.from(lastChunk)]) : json(completion);
/** A reply that is the same however it was asked for. */
const always = (bytes: string | Buffer) => (socket: Socket) => socket.write(bytes);
/** A stream of these events where one was asked for, else a whole answer. */
const stream =
  (text: string, end: string = lastChunk) =>
  (socket: Socket, streamed: boolean) => {
    socket.write(streamed ? Buffer.concat([Buffer.from(eventsHead), chunk(text), Buffer.from(end)]) : json(completion));
  };
/** Writes something again and again until nobody listens. */
const drip = (socket: Socket, bytes: string, everyMs: number): void => {
  const timer = setInterval(() => socket.write(bytes), everyMs);
  socket.once('close', () => clearInterval(timer));
};
const half = (streamed: boolean): string | Buffer =>
  streamed
    ? Buffer.concat([Buffer.from(eventsHead), chunk(piece('你'))])
    : head('200 OK', ['Content-Type: application/json', 'Content-Length: 100']) + completion.slice(0, 50);
const status = (line: string, more: readonly string[] = [], body = failure) => always(json(body, line, more));

export const faults: Readonly<Record<string, Fault>> = {
  // Silence.
  'hangs before the head': { behave: () => {}, plain: 504, stream: 504 },
  'hangs in the head': { behave: always('HTTP/1.1 200 OK\r\nContent-'), plain: 504, stream: 504 },
  'hangs after the head': { behave: always(eventsHead), plain: 502, stream: 504 },
  'hangs in the middle': { behave: (socket, streamed) => socket.write(half(streamed)), plain: 504, stream: 'cut' },
  'hangs in the middle of an event': {
    behave: stream(piece('a') + piece('b').slice(0, 40), ''),
    plain: 200,
    stream: 'cut',
  },
  'hangs in the middle of a long event': {
    behave: stream(piece('a') + piece('b'.repeat(200_000)).slice(0, 150_000), ''),
    plain: 200,
    stream: 'cut',
  },
  'drips its head': {
    behave: (socket) => {
      socket.write('HTTP/1.1 200 OK\r\nX-Slow: ');
      drip(socket, 'x', 50);
    },
    plain: 504,
    stream: 504,
  },
  'says nothing but 103 for ever': {
    behave: (socket) => drip(socket, 'HTTP/1.1 103 Early Hints\r\n\r\n', 50),
    plain: 504,
    stream: 504,
  },
  'drips comments for ever': {
    behave: (socket, streamed) => {
      socket.write(streamed ? eventsHead : json(completion));
      if (streamed) drip(socket, chunk(': ping\n\n').toString(), 50);
    },
    plain: 200,
    stream: 'cut',
    decoded: 504,
  },
  'drips an answer that never ends': {
    behave: (socket, streamed) => {
      socket.write(
        streamed ? eventsHead : head('200 OK', ['Content-Type: application/json', 'Content-Length: 9999999']),
      );
      drip(socket, streamed ? chunk(piece('a')).toString() : ' ', 50);
    },
    plain: 504,
    stream: 'cut',
  },

  // Broken connections.
  'resets before the head': { behave: (socket) => socket.resetAndDestroy(), plain: 502, stream: 502 },
  'closes before the head': { behave: (socket) => socket.end(), plain: 502, stream: 502 },
  'resets in the head': {
    behave: (socket) => socket.write('HTTP/1.1 200 OK\r\nConte', () => socket.resetAndDestroy()),
    plain: 502,
    stream: 502,
  },
  'resets after the head': {
    behave: (socket) => socket.write(eventsHead, () => socket.resetAndDestroy()),
    plain: 502,
    stream: 502,
  },
  'resets in the middle': {
    behave: (socket, streamed) => socket.write(half(streamed), () => setTimeout(() => socket.resetAndDestroy(), 50)),
    plain: 502,
    stream: 'cut',
  },
  'closes in the middle': { behave: (socket, streamed) => socket.end(half(streamed)), plain: 502, stream: 'cut' },
  'resets after [DONE]': {
    behave: (socket, streamed) =>
      streamed
        ? socket.write(Buffer.concat([Buffer.from(eventsHead), chunk(events)]), () =>
            setTimeout(() => socket.resetAndDestroy(), 50),
          )
        : socket.write(answer(false)),
    plain: 200,
    stream: 'whole',
  },

  // What is no HTTP, or not what it says.
  'sends garbage': { behave: always(Buffer.from([0, 255, 1, 254, 10, 13, 10])), plain: 502, stream: 502 },
  'sends headers without end': {
    behave: always(
      `HTTP/1.1 200 OK\r\n${'X-Bomb: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n'.repeat(20_000)}\r\n`,
    ),
    plain: 502,
    stream: 502,
  },
  'sends a header in Chinese': {
    behave: (socket, streamed) =>
      socket.write(
        streamed
          ? head('200 OK', ['Content-Type: text/event-stream; charset=中文', 'Connection: close']) + events
          : reply('200 OK', ['Content-Type: application/json; charset=中文'], completion),
        () => socket.end(),
      ),
    plain: 200,
    stream: 'whole',
  },
  'switches protocols': {
    behave: always('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n'),
    plain: 502,
    stream: 502,
  },
  'sends HTML with 200': {
    behave: always(reply('200 OK', ['Content-Type: text/html'], '<html>Welcome to nginx</html>')),
    plain: 502,
    stream: 502,
  },
  'names no content type': { behave: always(reply('200 OK', [], completion)), plain: 502, stream: 502 },
  'says 204': { behave: always('HTTP/1.1 204 No Content\r\n\r\n'), plain: 502, stream: 502 },
  'sends an empty body': { behave: always(json('')), plain: 502, stream: 502 },
  'sends an empty stream': { behave: stream(''), plain: 200, stream: 502 },
  'sends truncated JSON': { behave: always(json(completion.slice(0, -10))), plain: 502, stream: 502 },
  'sends a number': { behave: always(json('42')), plain: 502, stream: 502 },
  'sends JSON where a stream was asked for': { behave: always(json(completion)), plain: 200, stream: 502 },
  'sends a stream where JSON was asked for': {
    behave: (socket) => socket.write(answer(true)),
    plain: 502,
    stream: 'whole',
  },
  'sends an error with 200': { behave: always(json(failure)), plain: 502, stream: 502 },
  'gives a length that is too long': {
    behave: (socket) =>
      socket.end(head('200 OK', ['Content-Type: application/json', 'Content-Length: 9999']) + completion),
    plain: 502,
    stream: 502,
  },
  'gives a length that is too short': {
    behave: always(head('200 OK', ['Content-Type: application/json', 'Content-Length: 50']) + completion),
    plain: 502,
    stream: 502,
  },
  'gives a stream a length that is too short': {
    behave: (socket, streamed) =>
      socket.write(
        streamed
          ? head('200 OK', ['Content-Type: text/event-stream', `Content-Length: ${piece('你').length + 60}`]) + events
          : answer(false),
      ),
    plain: 200,
    stream: 'cut',
  },
  'gives a chunk a wrong size': {
    behave: (socket, streamed) =>
      socket.write(
        streamed
          ? `${eventsHead}${chunk(piece('a'))}5\r\n${events}`
          : `${head('200 OK', ['Content-Type: application/json', 'Transfer-Encoding: chunked'])}5\r\n${completion}`,
      ),
    plain: 502,
    stream: 'cut',
  },
  'gives a chunk a size that is no number': {
    behave: (socket, streamed) =>
      socket.write(
        streamed
          ? `${eventsHead}${chunk(piece('a'))}zz\r\n${events}`
          : `${head('200 OK', ['Content-Type: application/json', 'Transfer-Encoding: chunked'])}zz\r\n${completion}`,
      ),
    plain: 502,
    stream: 'cut',
  },
  'compresses though not asked': {
    behave: (socket, streamed) => {
      const body = gzipSync(streamed ? events : completion);
      const type = streamed ? 'text/event-stream' : 'application/json';
      socket.write(
        head('200 OK', [`Content-Type: ${type}`, 'Content-Encoding: gzip', `Content-Length: ${body.length}`]),
      );
      socket.write(body);
    },
    plain: 502,
    stream: 502,
  },

  // Streams that end wrongly.
  'forgets [DONE]': { behave: stream(events.replace(done, '')), plain: 200, stream: 'cut' },
  'says an error in the stream': { behave: stream(`${piece('a')}data: ${failure}\n\n`), plain: 200, stream: 'cut' },
  'says an error in the stream, then [DONE]': {
    behave: stream(`${piece('a')}data: ${failure}\n\n${done}`),
    plain: 200,
    stream: 'cut',
  },
  'says an error first, then [DONE]': { behave: stream(`data: ${failure}\n\n${done}`), plain: 200, stream: 502 },
  'says an error in an event of that name': {
    behave: stream(`${piece('a')}event: error\ndata: ${failure}\n\n${done}`),
    plain: 200,
    stream: 'cut',
  },
  'talks of [DONE] and errors without meaning it': {
    behave: stream(piece('data: [DONE]\n\n {"error":{}}') + piece('data: {"error": 1}')),
    plain: 200,
    stream: 'cut',
  },

  // Redirects and refusals.
  'answers 301': { behave: status('301 Moved', ['Location: http://elsewhere.invalid/']), plain: 502, stream: 502 },
  'answers 400': { behave: status('400 Bad Request'), plain: 400, stream: 400 },
  'answers 401': { behave: status('401 Unauthorized'), plain: 502, stream: 502 },
  'answers 403': { behave: status('403 Forbidden'), plain: 502, stream: 502 },
  'answers 404': { behave: status('404 Not Found'), plain: 404, stream: 404 },
  'answers 422': { behave: status('422 Unprocessable', [], '{"detail":"no such field"}'), plain: 400, stream: 400 },
  'answers 429': { behave: status('429 Too Many', ['Retry-After: 7']), plain: 429, stream: 429 },
  'answers 500': { behave: status('500 Oh'), plain: 502, stream: 502 },
  'answers 502': { behave: status('502 Bad Gateway'), plain: 502, stream: 502 },
  'answers 503': { behave: status('503 Busy', ['Retry-After: 9']), plain: 503, stream: 503 },
  'answers 504': { behave: status('504 Late'), plain: 504, stream: 504 },
  'answers 418 without a body': {
    behave: always('HTTP/1.1 418 Teapot\r\nContent-Length: 0\r\n\r\n'),
    plain: 502,
    stream: 502,
  },
  'answers 500 and hangs in the body': {
    behave: always(head('500 Oh', ['Content-Length: 100'])),
    plain: 502,
    stream: 502,
  },
  'answers 500 with a body without end': {
    behave: (socket) => {
      socket.write(head('500 Oh', ['Transfer-Encoding: chunked']));
      drip(socket, chunk('x'.repeat(50_000)).toString(), 5);
    },
    plain: 502,
    stream: 502,
  },

  // Strange, but whole.
  'is slow to begin': {
    behave: (socket, streamed) => setTimeout(() => socket.write(answer(streamed)), 150),
    plain: 200,
    stream: 'whole',
  },
  'says 100 and nothing more': { behave: always('HTTP/1.1 100 Continue\r\n\r\n'), plain: 504, stream: 504 },
  'says 103 first': {
    behave: (socket, streamed) =>
      socket.write(
        Buffer.concat([
          Buffer.from('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'),
          Buffer.from(answer(streamed) as string),
        ]),
      ),
    plain: 200,
    stream: 'whole',
  },
  'speaks HTTP/1.0 and closes': {
    behave: (socket, streamed) =>
      socket.end(
        `HTTP/1.0 200 OK\r\nContent-Type: ${streamed ? 'text/event-stream' : 'application/json'}\r\n\r\n${streamed ? events : completion}`,
      ),
    plain: 200,
    stream: 'whole',
  },
  'sends byte by byte': {
    behave: async (socket, streamed) => {
      for (const byte of Buffer.from(answer(streamed) as string)) {
        if (!socket.write(Uint8Array.of(byte))) await new Promise((resolve) => socket.once('drain', resolve));
        await new Promise(setImmediate);
      }
    },
    plain: 200,
    stream: 'whole',
  },
  'says [DONE] twice': { behave: stream(events + done), plain: 200, stream: 'whole' },
  'ends its lines with CRLF': { behave: stream(events.replaceAll('\n', '\r\n')), plain: 200, stream: 'whole' },
  comments: {
    behave: stream(`: hello [DONE]\n\n${events.replaceAll('data:', ': data\nid: 1\nretry: 5\ndata:')}`),
    plain: 200,
    stream: 'whole',
  },
  'comments after [DONE]': { behave: stream(`${events}: cost [DONE] 0\n\n`), plain: 200, stream: 'whole' },
  'puts no space after data:': { behave: stream(events.replaceAll('data: ', 'data:')), plain: 200, stream: 'whole' },
  'leaves out the last blank line': { behave: stream(events.slice(0, -1)), plain: 200, stream: 'whole' },
  'leaves out the last line break': { behave: stream(events.slice(0, -2)), plain: 200, stream: 'whole' },
};
