import { apiVersion, definePlugin } from '@backplane/core/sdk';
import { z } from 'zod';
import { examine } from './examine.ts';
import { options } from './options.ts';

export default definePlugin({
  name: 'llamacpp',
  apiVersion,
  config: z.strictObject({}).default({}),
  setup(context) {
    context.backend('llamacpp', {
      options,
      // A native crash takes its process along, so a process of its own comes first.
      isolation: ['process', 'thread', 'inline'],
      // The engine is loaded where the instance runs, never in a server that only routes.
      create: async (spec, host) => new (await import('./instance.ts')).LlamacppInstance(spec, host),
    });
    context.examine(examine);
  },
});
