import { definePlugin } from '@backplane/core/sdk';
import { z } from 'zod';
import { serviceHealth } from './health.ts';
import { options } from './options.ts';

export default definePlugin({
  name: 'sophon-tpu',
  apiVersion: 1,
  config: z.strictObject({}).default({}),
  setup(context) {
    context.backend('sophon', {
      options,
      // Threads of one process share the weights on the chip; processes would each load their own.
      isolation: ['thread', 'process'],
      create: async (spec, host) => {
        const { SophonInstance } = await import('./instance.ts');
        return new SophonInstance(spec, host);
      },
    });
    context.health('sophon', serviceHealth);
    // Loads what instances load, which the server itself never needs.
    context.examine(async (examined) => (await import('./examine.ts')).examine(examined));
  },
});
