import { z } from 'zod';
import { type FailureCode, failures } from '../sdk/index.ts';
import { chatSchema } from './chat-schema.ts';
import { completionSchema } from './completions.ts';
import { descriptionSchema } from './description.ts';
import { embeddingSchema } from './embeddings.ts';
import { transcriptionSchema } from './transcriptions.ts';

interface OpenapiOptions {
  readonly version: string;
  /** Whether routes ask for a key. */
  readonly guarded: boolean;
  /** Routes that do not. */
  readonly open: readonly string[];
  /** Routes that are served by models in front of other servers only. */
  readonly relayed: readonly string[];
}

/** The OpenAPI 3.1 document of the server's own routes. */
export function openapi({ version, guarded, open, relayed }: OpenapiOptions): object {
  const unguarded = (route: string) => (guarded && open.includes(route) ? { security: [] } : {});
  return {
    openapi: '3.1.0',
    info: {
      title: 'Backplane',
      version,
      description: 'One OpenAI-compatible port in front of every model that config.yaml names.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    paths: {
      '/v1/chat/completions': { post: task('createChatCompletion', 'Continue a chat', chatSchema, 'ChatCompletion') },
      '/v1/completions': { post: task('createCompletion', 'Continue a text', completionSchema, 'Completion') },
      '/v1/embeddings': { post: task('createEmbedding', 'Turn texts into vectors', embeddingSchema, 'EmbeddingList') },
      '/v1/audio/transcriptions': { post: transcription() },
      '/v1/media/describe': { post: description() },
      ...Object.fromEntries(relayed.map((path) => [path, { post: relay(path) }])),
      '/v1/models': {
        get: { ...read('listModels', 'List the models', ref('ModelList'), []), ...unguarded('/v1/models') },
      },
      '/v1/models/{model}': {
        get: {
          ...read('retrieveModel', 'What a model is and can do', ref('Model'), ['model_not_found']),
          ...unguarded('/v1/models/*'),
          parameters: [
            {
              name: 'model',
              in: 'path',
              required: true,
              description: 'An id or alias. Slashes in it may come as they are or as %2F.',
              schema: { type: 'string', minLength: 1 },
            },
          ],
        },
      },
      '/health': {
        get: {
          ...read('health', 'How the server and its models are; answers for as long as it lives', object, []),
          ...unguarded('/health'),
        },
      },
      '/ready': {
        get: {
          ...read('ready', 'Whether requests would be served now', object, ['not_ready'], object),
          ...unguarded('/ready'),
        },
      },
      '/openapi.json': { get: { ...read('openapi', 'This document', object, []), ...unguarded('/openapi.json') } },
    },
    components: {
      schemas,
      ...(guarded && {
        securitySchemes: {
          key: { type: 'http', scheme: 'bearer', description: 'Or as config.yaml says: any header, any prefix.' },
        },
      }),
    },
    ...(guarded && { security: [{ key: [] }] }),
  };
}

const object = { type: 'object' } as const;
const always = ['invalid_request', 'invalid_api_key', 'forbidden', 'internal'] as const satisfies FailureCode[];
const perTask = [
  'model_not_found',
  'payload_too_large',
  'unsupported_media_type',
  'rate_limited',
  'backend_failed',
  'queue_full',
  'timeout',
] as const satisfies FailureCode[];

function task(operationId: string, summary: string, body: z.ZodType, answer: string): object {
  return {
    operationId,
    summary,
    requestBody: { required: true, content: { 'application/json': { schema: inputSchema(body) } } },
    responses: {
      200: {
        description:
          'The answer; with `stream: true` as server-sent events that end with `[DONE]`, or with an error event.',
        content: {
          'application/json': { schema: ref(answer) },
          ...(answer !== 'EmbeddingList' && { 'text/event-stream': { schema: { type: 'string' } } }),
        },
      },
      ...refusals([...always, ...perTask]),
    },
  };
}

function transcription(): object {
  const answers = {
    'application/json': { schema: ref('Transcription') },
    'text/plain': { schema: text },
    'text/event-stream': { schema: text },
  };
  return {
    operationId: 'createTranscription',
    summary: 'Turn speech into text; what a model in front of another server takes and gives is that server’s',
    requestBody: upload(transcriptionSchema, ['file', 'model']),
    responses: {
      200: { description: 'The transcript, in the form that `response_format` asks for', content: answers },
      ...refusals([...always, ...perTask]),
    },
  };
}

function description(): object {
  return {
    operationId: 'describeMedia',
    summary: 'Ask about a picture or a video; parameters of a chat may follow as fields of the form',
    requestBody: upload(descriptionSchema, ['file']),
    responses: {
      200: {
        description: 'The answer of a chat; with `stream` as server-sent events',
        content: { 'application/json': { schema: ref('ChatCompletion') }, 'text/event-stream': { schema: text } },
      },
      ...refusals([...always, ...perTask]),
    },
  };
}

function upload(form: z.ZodType, required: readonly string[]): object {
  const { properties, ...schema } = formSchema(form);
  const file = { type: 'string', contentMediaType: 'application/octet-stream' };
  const content = { 'multipart/form-data': { schema: { ...schema, properties: { file, ...properties }, required } } };
  return { required: true, content };
}

/** What an upstream takes and gives is its own; here is what this server adds. */
function relay(path: string): object {
  const schema = { type: 'object', properties: { model: { type: 'string', minLength: 1 } }, required: ['model'] };
  const content = {
    'application/json': { schema: object },
    'text/event-stream': { schema: text },
    'text/plain': { schema: text },
  };
  return {
    operationId: `relay${path.replace(/\W+(\w)/g, (_, letter: string) => letter.toUpperCase())}`,
    summary: 'Passed on by models in front of other servers',
    requestBody: { required: true, content: { 'application/json': { schema } } },
    responses: { 200: { description: "The upstream's own answer", content }, ...refusals([...always, ...perTask]) },
  };
}

function read(
  operationId: string,
  summary: string,
  schema: object,
  codes: readonly FailureCode[],
  refusal?: object,
): object {
  return {
    operationId,
    summary,
    responses: {
      200: { description: 'OK', content: { 'application/json': { schema } } },
      ...refusals([...always, ...codes, 'shutting_down'], refusal),
    },
  };
}

/** One entry per status, as OpenAPI wants it. */
function refusals(codes: readonly FailureCode[], schema: object = ref('Error')): Record<string, object> {
  const byStatus = new Map<number, FailureCode[]>();
  for (const code of codes) {
    const status = failures[code][0];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, names]) => [
      status,
      { description: names.join(', '), content: { 'application/json': { schema } } },
    ]),
  );
}

/** Null in an optional field is the same as leaving it out: `readParameters` drops it. */
function inputSchema(schema: z.ZodType): object {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input' });
  const required = new Set(rest.required);
  const properties = Object.entries(rest.properties ?? {}).map(([name, property]) => [
    name,
    required.has(name) ? property : { anyOf: [property, { type: 'null' }] },
  ]);
  return { ...rest, properties: Object.fromEntries(properties) };
}

function formSchema(schema: z.ZodType): { readonly properties: Readonly<Record<string, object>> } {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input' });
  return { ...rest, properties: (rest.properties ?? {}) as Record<string, object> };
}

function ref(name: string): object {
  return { $ref: `#/components/schemas/${name}` };
}

const text = { type: 'string' } as const;
const count = { type: 'integer', minimum: 0 } as const;
const closed = (properties: Record<string, object>, optional: readonly string[] = []): object => ({
  type: 'object',
  properties,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
});
const answerOf = (kind: string, choice: object): object =>
  closed({
    id: text,
    object: { const: kind },
    created: count,
    model: text,
    choices: { type: 'array', items: choice },
    usage: ref('Usage'),
  });
const finish = { enum: ['stop', 'length', 'tool_calls', 'content_filter'] };

const schemas = {
  Error: closed({
    error: closed({
      message: text,
      type: text,
      param: { type: ['string', 'null'] },
      code: { type: ['string', 'null'] },
    }),
  }),
  Usage: closed({ prompt_tokens: count, completion_tokens: count, total_tokens: count, estimated: { const: true } }, [
    'estimated',
  ]),
  ChatCompletion: answerOf(
    'chat.completion',
    closed({
      index: count,
      message: closed(
        {
          role: { const: 'assistant' },
          content: { type: ['string', 'null'] },
          reasoning_content: text,
          tool_calls: { type: 'array', items: object },
        },
        ['reasoning_content', 'tool_calls'],
      ),
      logprobs: { type: ['object', 'null'] },
      finish_reason: finish,
    }),
  ),
  Completion: answerOf(
    'text_completion',
    closed({ index: count, text, logprobs: { type: ['object', 'null'] }, finish_reason: finish }),
  ),
  EmbeddingList: closed({
    object: { const: 'list' },
    data: {
      type: 'array',
      items: closed({
        object: { const: 'embedding' },
        index: count,
        embedding: {
          oneOf: [
            { type: 'array', items: { type: 'number' } },
            { type: 'string', contentEncoding: 'base64' },
          ],
        },
      }),
    },
    model: text,
    usage: closed({ prompt_tokens: count, total_tokens: count }),
  }),
  Transcription: { type: 'object', properties: { text }, required: ['text'] },
  Model: closed({ id: text, object: { const: 'model' }, created: count, owned_by: text, backplane: object }),
  ModelList: closed({ object: { const: 'list' }, data: { type: 'array', items: ref('Model') } }),
};
