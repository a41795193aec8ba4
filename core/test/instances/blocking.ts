import { definePlugin } from '@backplane/core/sdk';
import { z } from 'zod';

/** Computes like a native engine: in one call that holds its thread, and looks at nothing but the flag. */
export default definePlugin({
  name: 'blocking',
  apiVersion: 1,
  config: z.strictObject({}),
  setup(context) {
    context.backend('blocking', {
      options: z.strictObject({}),
      create: () => ({
        load: async () => ({}),
        unload: async () => {},
        async *chat(_request, { cancelled }) {
          yield { type: 'text', text: 'begun' };
          if (cancelled) while (Atomics.load(cancelled, 0) === 0) Atomics.wait(cancelled, 0, 0, 5);
          yield { type: 'finish', reason: cancelled ? 'length' : 'stop' };
        },
      }),
    });
  },
});
