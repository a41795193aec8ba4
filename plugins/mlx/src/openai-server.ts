import { type ChatEvent, type EmbedResult, Failure, type Transcript } from '@backplane/core/sdk';
import type { Engine, Sent } from './engine.ts';
import { told } from './measure.ts';
import { launchOpenaiServer, served, title } from './openai-server-launch.ts';
import { encodeChat, encodeTranscription, imageParameters, textParameters } from './openai-server-request.ts';
import type { OpenaiServerOptions } from './options.ts';
import { silence } from './silence.ts';

/** Longest text that it embeds, in tokens; it cuts longer ones without a word. */
const embeddedTokens = 512;

const common = {
  title,
  distribution: 'mlx-openai-server',
  // It ends its process for the model in order.
  stopMs: 10_000,
  firstByteMs: 5 * 60_000,
} as const;

const json = (body: object): Uint8Array => Buffer.from(JSON.stringify(body));

const firstWord = {
  path: '/v1/chat/completions',
  body: json({ model: served, messages: [{ role: 'user', content: 'a' }], max_tokens: 1 }),
};

/** mlx-openai-server with one model, by what the model is for. */
export const openaiServers: Readonly<Record<OpenaiServerOptions['type'], Engine<OpenaiServerOptions>>> = {
  lm: {
    ...common,
    launch: (launch) => launchOpenaiServer(launch, firstWord),
    // It is run without parsers of its own: that for reasoning loses the answer, and text says the same on all engines.
    facts: (folder) => ({
      dialect: 'qwen3',
      parameters: [...textParameters, ...((folder?.tools ?? true) ? ['tools'] : [])],
    }),
    chat: {
      path: '/v1/chat/completions',
      body: ({ request, room, call }) => encodeChat(request, room, call, false),
      read: withReason,
    },
  },
  multimodal: {
    ...common,
    launch: (launch) => launchOpenaiServer(launch, firstWord),
    facts: () => ({ dialect: 'think', parameters: imageParameters, modalities: ['text', 'image'] }),
    chat: {
      path: '/v1/chat/completions',
      body: ({ request, room, call }) => encodeChat(request, room, call, true),
      read: withReason,
    },
  },
  embeddings: {
    ...common,
    launch: (launch) =>
      launchOpenaiServer(launch, { path: '/v1/embeddings', body: json({ model: served, input: ['a'] }) }),
    facts: () => ({}),
    async embed({ input }, post, measure): Promise<EmbedResult> {
      let promptTokens = 0;
      for (const [at, text] of input.entries()) {
        const param = `input.${at}`;
        if (typeof text !== 'string') {
          throw new Failure('invalid_request', 'this model takes texts, not token ids', { param });
        }
        if (text === '') throw new Failure('invalid_request', `Input ${at} is empty`, { param });
        const guess = { tokens: Math.ceil(Buffer.byteLength(text) / 4), atLeast: false };
        const length = (await measure.length(text, embeddedTokens)) ?? guess;
        if (length.tokens > embeddedTokens) {
          const message = `Input ${at} has ${told(length)} tokens, but this model embeds at most ${embeddedTokens}: split it`;
          throw new Failure('context_length_exceeded', message, { param });
        }
        promptTokens += length.tokens;
      }
      const answer = await post('/v1/embeddings', json({ model: served, input, encoding_format: 'float' }));
      const { data } = answer as { readonly data: readonly { readonly embedding: readonly number[] }[] };
      const vectors = data.map(({ embedding }) => Float32Array.from(embedding));
      return { vectors, usage: { promptTokens, completionTokens: 0 } };
    },
  },
  whisper: {
    ...common,
    // It says nothing before it is done.
    firstByteMs: 30 * 60_000,
    async launch(launch) {
      const audio = { bytes: silence(1), mime: 'audio/wav', name: 'silence.wav' };
      const { bytes, contentType } = await encodeTranscription({ audio, language: 'en', temperature: 0 });
      return launchOpenaiServer(launch, { path: '/v1/audio/transcriptions', body: bytes, contentType });
    },
    facts: () => ({ parameters: ['language', 'temperature'], modalities: ['audio'] }),
    async transcribe(request, post): Promise<Transcript> {
      const { bytes, contentType } = await encodeTranscription(request);
      const answer = (await post('/v1/audio/transcriptions', bytes, contentType).catch((thrown: unknown) => {
        // ffmpeg's words, and the path of a file there.
        if (!String(Failure.from(thrown).cause).includes('Failed to load audio')) throw thrown;
        throw new Failure('media_rejected', 'the recording cannot be decoded', { param: 'file', cause: thrown });
      })) as { readonly text: string; readonly usage?: { readonly seconds?: number } };
      const seconds = answer.usage?.seconds;
      return { text: answer.text.trim(), ...(seconds !== undefined && { duration: seconds }) };
    },
  },
};

/** It says `stop` also of an answer that it cut. */
async function* withReason(
  events: AsyncIterable<ChatEvent>,
  { request, room }: Sent<{ readonly max_tokens?: number }>,
): AsyncGenerator<ChatEvent, void, undefined> {
  const limit = Math.min(request.max_tokens ?? room, room);
  let finish: ChatEvent | undefined;
  for await (const event of events) {
    if (event.type === 'finish') finish = event;
    else {
      if (event.type === 'usage' && finish) {
        const cut = event.usage.completionTokens >= limit;
        yield cut ? { type: 'finish', reason: 'length' } : finish;
        finish = undefined;
      }
      yield event;
    }
  }
  if (finish) yield finish;
}
