import { definePlugin, type Instance } from '@backplane/core/sdk';
import { z } from 'zod';

/** Its engine ends when it is talked to. */
export default definePlugin({
  name: 'mortal',
  apiVersion: 1,
  config: z.strictObject({}),
  setup(context) {
    context.backend('mortal', {
      options: z.strictObject({}),
      create(): Instance {
        const end = Promise.withResolvers<string>();
        return {
          ended: end.promise,
          load: async () => ({}),
          unload: async () => {},
          async *chat() {
            end.resolve('its engine took it badly');
            yield { type: 'finish', reason: 'stop' };
          },
        };
      },
    });
  },
});
