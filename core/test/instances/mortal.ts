import { definePlugin, type Instance } from '@backplane/core/sdk';
import { z } from 'zod';

/** Its engine ends when it is talked to; `how`: what becomes of the promise that says so. */
export default definePlugin({
  name: 'mortal',
  apiVersion: 1,
  config: z.strictObject({}),
  setup(context) {
    context.backend('mortal', {
      options: z.strictObject({ how: z.enum(['resolve', 'reject']).default('resolve') }),
      create({ options: { how } }): Instance {
        const end = Promise.withResolvers<string>();
        return {
          ended: end.promise,
          load: async () => ({}),
          unload: async () => {},
          async *chat() {
            if (how === 'resolve') end.resolve('its engine took it badly');
            else end.reject(new Error('its engine took it badly'));
            yield { type: 'finish', reason: 'stop' };
          },
        };
      },
    });
  },
});
