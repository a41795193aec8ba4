import { createRequire } from 'node:module';
import fastify, { type FastifyInstance } from 'fastify';
import { afterEach, describe, expect, it } from 'vitest';
import { schemaCompilers } from '../../src/http/schema-compilers.ts';

const loaded = () => Object.keys(createRequire(import.meta.url).cache).some((file) => file.includes('ajv-compiler'));

let app: FastifyInstance;
afterEach(() => app.close());

function server(): FastifyInstance {
  app = fastify({ schemaController: { compilersFactory: schemaCompilers() } });
  return app;
}

describe('compilers of route schemas', () => {
  it('are not loaded for routes without a schema', async () => {
    server().get('/plain', async () => ({ fine: true }));
    expect((await app.inject('/plain')).json()).toEqual({ fine: true });
    expect(loaded()).toBe(false);
  });

  it('check the requests of a route that has one', async () => {
    const count = { type: 'object', properties: { count: { type: 'integer' } }, required: ['count'] };
    server().get('/checked', { schema: { querystring: count } }, async ({ query }) => query as object);
    expect((await app.inject('/checked?count=2')).json()).toEqual({ count: 2 });
    expect((await app.inject('/checked?count=two')).statusCode).toBe(400);
  });

  it('shape the replies of a route that has one', async () => {
    const shown = { type: 'object', properties: { shown: { type: 'string' } } };
    server().get('/shaped', { schema: { response: { 200: shown } } }, async () => ({ shown: 'yes', hidden: 'no' }));
    expect((await app.inject('/shaped')).json()).toEqual({ shown: 'yes' });
  });
});
