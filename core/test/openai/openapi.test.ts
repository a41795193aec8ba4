import { expect, test } from 'vitest';
import { openapi } from '../../src/openai/openapi.ts';

interface Document {
  readonly security?: object;
  readonly paths: Record<string, Record<string, { security?: object; requestBody?: unknown }>>;
}

const document = (guarded: boolean, open: readonly string[]) =>
  openapi({ version: '1', guarded, open, relayed: ['/v1/rerank'] }) as Document;

test('routes that answer without a key say so', () => {
  const { security, paths } = document(true, ['/health', '/v1/models/*']);
  expect(security).toEqual([{ key: [] }]);
  const open = Object.keys(paths).filter((path) => paths[path]?.get?.security !== undefined);
  expect(open).toEqual(['/v1/models/{model}', '/health']);
  expect(paths['/health']?.get?.security).toEqual([]);
});

test('routes that are passed on say what they take', () => {
  const { paths } = document(false, []);
  expect(paths['/v1/rerank']?.post).toMatchObject({ operationId: 'relayV1Rerank' });
  expect(paths['/v1/rerank']?.post?.requestBody).toMatchObject({ content: { 'application/json': {} } });
  expect(paths['/v1/audio/transcriptions']?.post?.requestBody).toMatchObject({
    content: {
      'multipart/form-data': { schema: { properties: { file: {}, language: {} }, required: ['file', 'model'] } },
    },
  });
});

test('a picture or a video is uploaded in a form, whose prompt and model may be left out', () => {
  const { paths } = document(false, []);
  expect(paths['/v1/media/describe']?.post?.requestBody).toMatchObject({
    content: {
      'multipart/form-data': {
        schema: { properties: { file: {}, prompt: {}, model: {}, stream: {} }, required: ['file'] },
      },
    },
  });
});

test('where nobody asks for a key, the document does not speak of keys', () => {
  expect(JSON.stringify(document(false, ['/health']))).not.toContain('security');
});

test('an optional field may be null, which is the same as leaving it out', () => {
  expect(document(false, []).paths['/v1/chat/completions']?.post?.requestBody).toMatchObject({
    content: {
      'application/json': {
        schema: {
          required: ['model', 'messages'],
          properties: {
            model: { type: 'string', minLength: 1 },
            messages: { type: 'array' },
            temperature: { anyOf: [{ type: 'number', minimum: 0, maximum: 2 }, { type: 'null' }] },
          },
        },
      },
    },
  });
});
