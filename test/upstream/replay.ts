import { chunk, eventsHead, type FaultyUpstream, faulty, head, lastChunk } from './faulty.ts';
import type { Recording } from './recordings.ts';

/** How a reply that was cut ends: as if it were whole (chunked coding's end), by closing (no framing at all), by a reset. */
export const endings = ['terminator', 'close', 'reset'] as const;
export type Ending = (typeof endings)[number];

/** Which recording is played, up to which byte, and how it ends then. */
export interface Cut {
  readonly play: string;
  readonly at: number;
  readonly ending: Ending;
}

/** The body of a request that has a recording played. */
export function asking({ path, request }: Recording, model: string, cut: Cut, stream: boolean): object {
  const spec = JSON.stringify(cut);
  const { messages: _, prompt: __, ...rest } = request;
  const input = path.endsWith('/chat/completions')
    ? { messages: [{ role: 'user', content: spec }] }
    : path.endsWith('/completions')
      ? { prompt: spec }
      : { input: spec };
  return { ...rest, ...input, model, stream };
}

/** An upstream that plays recordings, cut as the request says. */
export function player(recordings: Readonly<Record<string, Recording>>): Promise<FaultyUpstream> {
  return faulty(({ body }) => (socket) => {
    const request = JSON.parse(body) as { messages?: [{ content: string }]; prompt?: string; input?: string };
    const spec = request.messages?.[0].content ?? request.prompt ?? (request.input as string);
    const { play, at, ending } = JSON.parse(spec) as Cut;
    const { reply, events } = recordings[play] as Recording;
    const part = Buffer.from(reply).subarray(0, at);
    const type = events ? 'text/event-stream' : 'application/json';
    const begin = events ? eventsHead : head('200 OK', [`Content-Type: ${type}`, 'Transfer-Encoding: chunked']);
    const chunked = Buffer.concat([Buffer.from(begin), chunk(part)]);
    if (ending === 'terminator') socket.write(Buffer.concat([chunked, Buffer.from(lastChunk)]));
    else if (ending === 'close')
      socket.end(Buffer.concat([Buffer.from(`HTTP/1.0 200 OK\r\nContent-Type: ${type}\r\n\r\n`), part]));
    else socket.write(chunked, () => socket.resetAndDestroy());
  });
}

/** What a proxy in front of a player serves: the recorded name, another name, and a reply that is read and written anew. */
export function proxyConfig(url: string, key = ''): string {
  const options = `options: { upstreams: [{ url: ${url}, model: tiny${key} }], retry: { attempts: 0 }, eject: { failures: 1000000 } } }`;
  return `plugins: ["@backplane/vllm-proxy"]
models:
  - { id: tiny, backend: vllm, ${options}
  - { id: here, backend: vllm, ${options}
  - { id: separate, backend: vllm, reasoning: separate, ${options}`;
}
