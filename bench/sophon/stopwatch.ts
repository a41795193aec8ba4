import { apiVersion, definePlugin } from '@backplane/core/sdk';
import { z } from 'zod';

/** A plugin that times each call from its arrival to its slot, and tells at `GET /stopwatch`: µs, those since the last time. */
export default definePlugin({
  name: 'stopwatch',
  apiVersion,
  config: z.strictObject({}),
  setup(context) {
    const begun = new Map<string, number>();
    let taken: number[] = [];
    context.observe((signal) => {
      if (signal.type === 'received' && signal.operation === 'chat') begun.set(signal.call, performance.now());
      if (signal.type === 'admitted') taken.push((performance.now() - (begun.get(signal.call) ?? 0)) * 1_000);
      if (signal.type === 'settled') begun.delete(signal.call);
    });
    context.routes(async (server) => {
      server.get('/stopwatch', { config: { open: true } }, () => {
        const told = taken;
        taken = [];
        return told;
      });
    });
  },
});
