import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningServer, serve } from './server.ts';

const plugin = `
import { definePlugin } from '@backplane/core/sdk';
import { z } from 'zod';

export default definePlugin({
  name: 'box',
  apiVersion: 1,
  config: z.strictObject({}),
  setup(context) {
    context.backend('box', {
      options: z.strictObject({ folder: z.string() }),
      create: () => ({
        load: async () => ({ slots: 3 }),
        unload: async () => {},
        async *chat() { yield { type: 'finish', reason: 'stop' }; },
      }),
    });
    context.health('box', ({ status, guarded, models, version }) => ({
      status: status === 'ok' ? 'healthy' : status,
      guarded, version,
      models: models.map(({ id, options, state, slots, queueSize, instances }) => [id, options.folder, state, instances, slots, queueSize]),
    }));
  },
});
`;
const other = plugin.replaceAll("'box'", "'other'").replace(/ +context\.health\(.*?\}\)\);\n/s, '');
const auth = '"@backplane/auth", config: { schemes: [{ keys: [{ name: me, key: my-own-key }] }] }';

const config = (its: string, more = '') => `
server: { port: 0, health: ${its} }
plugins: [./box.ts, ./other.ts${more && `, { use: ${more} }`}]
models:
  - { id: m, backend: box, isolation: inline, queue: { size: 7 }, options: { folder: ./weights } }
  - { id: n, backend: other, isolation: inline, options: { folder: ./secret } }
`;
const files = { 'box.ts': plugin, 'other.ts': other };

describe('GET /health in the form of a plugin', () => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await serve(config('box', auth), { files });
  });
  afterAll(() => server.stop());

  test('has what the plugin makes of how the server is and of its own models', async () => {
    const reply = await fetch(`${server.url}/health`, { headers: { authorization: 'Bearer my-own-key' } });
    expect(await reply.json()).toEqual({
      status: 'healthy',
      guarded: true,
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      models: [['m', './weights', 'ready', 1, 3, 7]],
    });
  });

  test('is one word for a caller without a key, where the route is open', async () => {
    expect(await (await fetch(`${server.url}/health`)).json()).toEqual({ status: 'healthy' });
  });
});

test('a form that no loaded plugin contributes is an error of the config, with its place', async () => {
  const server = serve(config('bx'), { files });
  await expect(server).rejects.toThrow(
    /config\.yaml:2:28 .*server\.health: there is no health format "bx".*did you mean "box"/s,
  );
});

test('a plugin is told that no key is asked for, also where the auth plugin is loaded and off', async () => {
  const server = await serve(config('box', '"@backplane/auth", config: { enabled: false }'), { files });
  expect(await (await fetch(`${server.url}/health`)).json()).toMatchObject({ status: 'healthy', guarded: false });
  await server.stop();
});
