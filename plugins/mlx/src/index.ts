import { definePlugin } from '@backplane/core/sdk';
import { ChildMetrics } from '@backplane/core/upstream';
import { z } from 'zod';
import { examine } from './examine.ts';
import { MlxInstance } from './instance.ts';
import { options } from './options.ts';

export default definePlugin({
  name: 'mlx',
  apiVersion: 1,
  config: z.strictObject({}),
  setup(context) {
    let metrics: ChildMetrics | undefined;
    context.backend('mlx', {
      options,
      // The engine is in a process of its own already.
      isolation: ['inline'],
      create(spec, { log, index }) {
        metrics ??= new ChildMetrics(context.meter);
        return new MlxInstance(spec, { log, index, metrics });
      },
    });
    context.examine(examine);
  },
});
