/** What the mock is to answer. It travels in the prompt, the one thing that every gateway passes on. */
export interface Script {
  /** Chunks of a streamed reply; 0: one JSON object. */
  readonly chunks: number;
  /** Between two chunks, ms; 0: as fast as they go. */
  readonly everyMs: number;
}

const pattern = /\[\[(\d+) chunks every (\d+) ms\]\]/;
const model = 'bench';
/** About 1 KB of conversation, and a reply of about 1.5 KB. */
const history = 'The quick brown fox jumps over the lazy dog while the kettle boils. '.repeat(10);
const answer = 'An answer of some length, as a small model would give it when asked for it. '.repeat(15);
const envelope = { id: 'chatcmpl-4f1c0a7be2d94d0b', created: 1_760_000_000, model };

/** The body of a chat request that asks for this; `padding`: a string that is to travel along. */
export function requestBody({ chunks, everyMs }: Script, padding: Padding | undefined = undefined): Buffer {
  const script = `[[${chunks} chunks every ${everyMs} ms]]`;
  const content =
    padding?.kind === 'image'
      ? [
          { type: 'text', text: script },
          { type: 'image_url', image_url: { url: `data:image/png;base64,${'A'.repeat(padding.bytes)}` } },
        ]
      : script;
  const turns = padding?.kind === 'history' ? Math.ceil(padding.bytes / 1_000) : 1;
  const body = {
    model,
    messages: [
      { role: 'user', content },
      ...Array.from({ length: turns }, (_, at) => ({ role: at % 2 ? 'user' : 'assistant', content: history })),
      { role: 'user', content: 'Go on.' },
    ],
    temperature: 0.7,
    max_tokens: 256,
    stream: chunks > 0,
  };
  return Buffer.from(JSON.stringify(body));
}

export interface Padding {
  /** Many messages, or one picture. */
  readonly kind: 'history' | 'image';
  readonly bytes: number;
}

/** Reads the script out of a request's first bytes. */
export function scriptIn(request: Buffer): Script {
  const found = pattern.exec(request.toString('latin1', 0, 4_096));
  return { chunks: Number(found?.[1] ?? 0), everyMs: Number(found?.[2] ?? 0) };
}

export const jsonReply = Buffer.from(
  JSON.stringify({
    ...envelope,
    object: 'chat.completion',
    choices: [{ index: 0, message: { role: 'assistant', content: answer }, logprobs: null, finish_reason: 'stop' }],
    usage: { prompt_tokens: 220, total_tokens: 476, completion_tokens: 256 },
  }),
);

const events = new Map<number, readonly Buffer[]>();

/** The events of a streamed reply, about 250 bytes each, in vLLM's shape; `[DONE]` comes with the last. */
export function eventsOf(chunks: number): readonly Buffer[] {
  const made =
    events.get(chunks) ??
    Array.from({ length: chunks }, (_, at) => {
      const last = at === chunks - 1;
      const choice = { index: 0, delta: { content: wordOf(at) }, logprobs: null, finish_reason: last ? 'stop' : null };
      const event = `data: ${JSON.stringify({ ...envelope, object: 'chat.completion.chunk', choices: [choice] })}\n\n`;
      return Buffer.from(last ? `${event}data: [DONE]\n\n` : event);
    });
  events.set(chunks, made);
  return made;
}

/** Every chunk says its number, so that a lost or a misplaced one shows. */
function wordOf(at: number): string {
  return ` word-${at} of an answer that is long enough to look like one`;
}

/** Whether a reply is the whole one, in order: byte by byte, or at least what it says. */
export function judge({ chunks }: Script, body: Buffer): 'identical' | 'rewritten' | 'broken' {
  const expected = chunks > 0 ? wholeOf(chunks) : jsonReply;
  if (expected.equals(body)) return 'identical';
  try {
    return (chunks > 0 ? saidIn(body) === spoken(chunks) : contentOf(body.toString()) === answer)
      ? 'rewritten'
      : 'broken';
  } catch {
    return 'broken';
  }
}

const wholes = new Map<number, Buffer>();

function wholeOf(chunks: number): Buffer {
  const whole = wholes.get(chunks) ?? Buffer.concat(eventsOf(chunks));
  wholes.set(chunks, whole);
  return whole;
}

function spoken(chunks: number): string {
  return Array.from({ length: chunks }, (_, at) => wordOf(at)).join('');
}

function saidIn(body: Buffer): string {
  const data = body
    .toString()
    .split('\n')
    .filter((line) => line.startsWith('data:'))
    .map((line) => line.slice(5).trim());
  if (data.pop() !== '[DONE]') return '';
  return data.map((text) => contentOf(text)).join('');
}

function contentOf(text: string): string {
  const [choice] = (JSON.parse(text) as { choices: { message?: Said; delta?: Said }[] }).choices;
  return (choice?.message ?? choice?.delta)?.content ?? '';
}

interface Said {
  readonly content?: string | null;
}
