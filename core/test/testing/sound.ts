import { setImmediate as turn } from 'node:timers/promises';
import {
  type Call,
  type ChatEvent,
  type ChatRequest,
  type CompletionRequest,
  definePlugin,
  type EmbedRequest,
  type EmbedResult,
  type Facts,
  Failure,
  type Health,
  type Instance,
  type InstanceHost,
  type Plugin,
  type Sampling,
  type TranscribeRequest,
  type Transcript,
} from '@backplane/core/sdk';
import { z } from 'zod';

const words = ['one ', 'two ', 'three ', '你好 ', 'rack ', 'fan ', '🙂 ', 'lamp ', 'wire ', 'plug '];
const answerLength = 30;
const contextLength = 400;

/** A backend that keeps every rule: it says words that follow from the prompt, a token each. */
export class Sound implements Instance {
  async load(signal: AbortSignal): Promise<Facts> {
    signal.throwIfAborted();
    return {
      contextLength,
      slots: 3,
      dialect: 'plain',
      timings: ['segment', 'word'],
      parameters: ['temperature', 'seed', 'max_tokens', 'logprobs', 'top_logprobs', 'response_format'],
      details: { engine: 'words' },
    };
  }

  async unload(): Promise<void> {}

  health(): Health {
    return { status: 'ready' };
  }

  async *chat(request: ChatRequest, call: Call): AsyncGenerator<ChatEvent> {
    if (request.messages.length === 0) throw new Failure('invalid_request', 'There are no messages to answer');
    const prompt = request.messages.map(({ content }) => String(content)).join(' ');
    if (request.response_format) {
      yield { type: 'text', text: '{"answer": 42}', tokens: 1 };
      yield { type: 'finish', reason: 'stop' };
    } else yield* this.say(prompt.split(/\s+/), request, call);
  }

  async *complete({ prompt, ...sampling }: CompletionRequest, call: Call): AsyncGenerator<ChatEvent> {
    yield* this.say(typeof prompt === 'string' ? prompt.split(/\s+/) : prompt.map(String), sampling, call);
  }

  async embed({ input }: EmbedRequest): Promise<EmbedResult> {
    const vectors = input.map((text) => Float32Array.from({ length: 8 }, (_, at) => hash(`${at}${text}`) / 2 ** 32));
    return { vectors, usage: { promptTokens: input.length, completionTokens: 0 } };
  }

  async transcribe({ audio: { bytes } }: TranscribeRequest): Promise<Transcript> {
    if (!Buffer.from(bytes).toString('latin1').startsWith('RIFF')) {
      throw new Failure('media_rejected', 'The recording is no WAVE file');
    }
    const [segment, rest] = [{ start: 0, end: 1, text: 'hum' } as const, { start: 1, end: 2, text: 'hum' } as const];
    const words = [segment, rest].map(({ text, ...stretch }) => ({ ...stretch, word: text }));
    return { text: 'hum hum', duration: 2, segments: [segment, rest], words };
  }

  async *say(prompt: readonly string[], sampling: Sampling, { signal }: Call): AsyncGenerator<ChatEvent> {
    signal.throwIfAborted();
    if (prompt.length >= contextLength) {
      throw new Failure(
        'context_length_exceeded',
        `The prompt has ${prompt.length} words, the context ${contextLength}`,
      );
    }
    yield { type: 'started', promptTokens: prompt.length };
    const length = Math.min(answerLength, sampling.max_tokens ?? answerLength);
    const seed = sampling.temperature === 0 ? '' : String(sampling.seed ?? Math.random());
    const start = hash(prompt.join(' ') + seed);
    for (let at = 0; at < length; at++) {
      await turn();
      signal.throwIfAborted();
      const text = words[(start + at * at) % words.length] as string;
      const logprobs = [{ token: text, logprob: -0.5, bytes: null, top_logprobs: [] }];
      yield { type: 'text', text, tokens: 1, ...(sampling.logprobs && { logprobs }) };
    }
    yield { type: 'finish', reason: length < answerLength ? 'length' : 'stop' };
    yield { type: 'usage', usage: { promptTokens: prompt.length, completionTokens: length } };
  }
}

/** A plugin whose backend, `words`, is sound but for what `fault` replaces. */
export function broken(fault: (sound: Sound, host: InstanceHost) => Partial<Instance>): Plugin {
  return definePlugin({
    name: 'words',
    apiVersion: 1,
    config: z.strictObject({}),
    setup(context) {
      context.backend('words', {
        options: z.strictObject({}),
        create: (_, host) => Object.assign(new Sound(), fault(new Sound(), host)),
      });
    },
  });
}

/** A plugin that is sound but for what happens to the events of its chats. */
export function brokenChat(
  change: (events: AsyncIterable<ChatEvent>, request: ChatRequest, call: Call) => AsyncIterable<ChatEvent>,
): Plugin {
  return broken((sound) => ({ chat: (request, call) => change(sound.chat(request, call), request, call) }));
}

/** FNV-1a. */
export function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193) >>> 0;
  return value;
}
