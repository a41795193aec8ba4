import { z } from 'zod';
import { definePlugin } from '../../src/sdk/index.ts';

/** Says what the call's media are. */
export default definePlugin({
  name: 'viewer',
  apiVersion: 1,
  config: z.strictObject({}),
  setup(context) {
    context.backend('viewer', {
      options: z.strictObject({}),
      create: () => ({
        load: async () => ({}),
        unload: async () => {},
        async *chat(_request, call) {
          const { mime, bytes, path } = await call.media('any');
          const text = JSON.stringify({ mime, length: bytes.length, last: bytes.at(-1), path });
          yield { type: 'text', text };
          yield { type: 'finish', reason: 'stop' };
        },
      }),
    });
  },
});
