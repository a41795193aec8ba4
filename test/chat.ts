import { request } from 'node:http';

export interface Streamed {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Every byte, as text. */
  readonly body: string;
  /** The `data:` objects, without `[DONE]`. */
  readonly events: readonly ChatChunk[];
  /** Content of choice 0, put together. */
  readonly text: string;
  readonly done: boolean;
  /** The error event, if one came. */
  readonly error: { readonly message: string; readonly code: string } | undefined;
  /** Whether the connection ended in order; false: it was cut. */
  readonly whole: boolean;
}

interface ChatChunk {
  readonly choices?: readonly {
    readonly index: number;
    readonly delta: {
      readonly content?: string;
      readonly reasoning_content?: string;
      readonly tool_calls?: readonly {
        readonly index: number;
        readonly function: { readonly name?: string; readonly arguments: string };
      }[];
    };
    readonly finish_reason: string | null;
  }[];
  readonly usage?: { readonly prompt_tokens: number; readonly completion_tokens: number } | null;
  readonly error?: { readonly message: string; readonly code: string };
}

/** A chat of one message, as plain JSON. */
export function chat(url: string, content: string, more: object = {}, init: RequestInit = {}): Promise<Response> {
  return fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    ...init,
    headers: { 'content-type': 'application/json', ...(init.headers as Record<string, string>) },
    body: JSON.stringify({ model: 'm', messages: [{ role: 'user', content }], ...more }),
  });
}

export interface StreamControls {
  readonly headers?: Readonly<Record<string, string>>;
  /** Called with all that has come so far, each time something comes. */
  readonly onData?: (body: string, hangUp: () => void) => void;
}

/** A streamed chat, read with nothing but node:http, so that a cut connection is seen as one. */
export function stream(
  url: string,
  content: string,
  more: object = {},
  controls: StreamControls = {},
): Promise<Streamed> {
  const body = JSON.stringify({ model: 'm', messages: [{ role: 'user', content }], stream: true, ...more });
  return new Promise((resolve, reject) => {
    const call = request(
      `${url}/v1/chat/completions`,
      { method: 'POST', headers: { 'content-type': 'application/json', ...controls.headers } },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (data) => {
          text += data;
          controls.onData?.(text, () => call.destroy());
        });
        response.on('error', () => {});
        response.on('close', () => resolve(read(text, response.statusCode ?? 0, response.headers, response.complete)));
      },
    );
    call.on('error', (error) => (call.destroyed ? undefined : reject(error)));
    call.end(body);
  });
}

function read(body: string, status: number, headers: Streamed['headers'], whole: boolean): Streamed {
  const data = body.split('\n').filter((line) => line.startsWith('data: '));
  const events = data.filter((line) => line !== 'data: [DONE]').map((line) => JSON.parse(line.slice(6)) as ChatChunk);
  return {
    status,
    headers,
    body,
    events,
    text: events.map(({ choices }) => choices?.[0]?.delta.content ?? '').join(''),
    done: data.at(-1) === 'data: [DONE]',
    error: events.find(({ error }) => error)?.error,
    whole,
  };
}
