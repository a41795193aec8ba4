import { serve, tinyModel } from '../server.ts';
import { post } from './wire.ts';

/** A reply that some server gave, to be given again. */
export interface Recording {
  readonly path: string;
  /** The request that it answers, but for what says which recording is meant. */
  readonly request: Readonly<Record<string, unknown>>;
  readonly reply: string;
  readonly events: boolean;
}

/** The model's name in every recording. */
export const recordedModel = 'tiny';

const user = (content: string) => [{ role: 'user', content }];
const weather = {
  type: 'function',
  function: { name: 'get_weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } },
};

const asked: Readonly<Record<string, readonly [path: string, request: Record<string, unknown>]>> = {
  chat: [
    '/v1/chat/completions',
    { messages: user('What is Backplane?'), max_tokens: 6, stream: true, stream_options: { include_usage: true } },
  ],
  tools: [
    '/v1/chat/completions',
    { messages: user('What is the weather in Paris?'), tools: [weather], stream: true, model: 'tiny-hidden' },
  ],
  'two choices': ['/v1/chat/completions', { messages: user('Hello'), n: 2, max_tokens: 3, stream: true }],
  completion: ['/v1/completions', { prompt: 'Backplane is', max_tokens: 6, stream: true }],
  plain: ['/v1/chat/completions', { messages: user('What is Backplane?'), max_tokens: 6 }],
};

/** What llama.cpp behind Backplane says, word for word, and a stream of the Responses API, which it does not speak. */
export async function record(): Promise<Readonly<Record<string, Recording>>> {
  const model = (id: string, more: string) =>
    `  - { id: ${id}, backend: llamacpp, defaults: { temperature: 0 }, ${more} options: { path: ${tinyModel} } }\n`;
  const server = await serve(
    `plugins: ["@backplane/llamacpp"]\nmodels:\n${model('tiny', '')}${model('tiny-hidden', 'reasoning: hidden,')}`,
  );
  const recordings: Record<string, Recording> = {};
  for (const [name, [path, request]] of Object.entries(asked)) {
    const { body } = await post(server.url, path, { model: recordedModel, ...request });
    const reply = body.replaceAll('"model":"tiny-hidden"', '"model":"tiny"');
    recordings[name] = { path, request, reply, events: request.stream === true };
  }
  await server.stop();
  return {
    ...recordings,
    response: { path: '/v1/responses', request: { stream: true }, reply: response, events: true },
  };
}

const event = (type: string, more: object): string => `event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`;
const inProgress = { id: 'resp_1', object: 'response', status: 'in_progress', model: 'tiny', error: null };
const response = [
  event('response.created', { response: inProgress }),
  event('response.output_text.delta', { item_id: 'msg_1', output_index: 0, delta: '你好, "[DONE]"' }),
  event('response.output_text.done', { item_id: 'msg_1', output_index: 0, text: '你好, "[DONE]"' }),
  event('response.completed', { response: { ...inProgress, status: 'completed', usage: { input_tokens: 3 } } }),
].join('');
