import { definePlugin } from '@backplane/core/sdk';
import { z } from 'zod';
import { examine } from './examine.ts';
import { MlxInstance } from './instance.ts';
import { options } from './options.ts';

export default definePlugin({
  name: 'mlx',
  apiVersion: 1,
  config: z.strictObject({}),
  setup(context) {
    context.backend('mlx', {
      options,
      // The engine is in a process of its own already.
      isolation: ['inline'],
      create: (spec, { log }) => new MlxInstance(spec, log),
    });
    context.examine(examine);
  },
});
