import { readFileSync } from 'node:fs';
import { apiVersion, definePlugin, registry } from '@backplane/core/sdk';
import { collectDefaultMetrics } from 'prom-client';
import { z } from 'zod';
import { createFamilies } from './families.ts';
import { Recorder } from './recorder.ts';

export default definePlugin({
  name: 'metrics',
  apiVersion,
  config: z.strictObject({
    path: z.string().startsWith('/').default('/metrics').describe('Where Prometheus finds the metrics'),
    open: z.boolean().default(false).describe('true: no key is needed to read them'),
    default_metrics: z.boolean().default(true).describe('Also show nodejs_* and process_*'),
  }),
  setup(context, { path, open, default_metrics }) {
    const shared = context.use(registry);
    const families = createFamilies(shared);
    families.build.set({ version: version(), node: process.versions.node }, 1);

    const recorder = new Recorder(families);
    context.observe((signal) => recorder.record(signal));

    context.routes(async (server) => {
      // Here, not in setup: it starts observing garbage collection and the event loop.
      if (default_metrics) collectDefaultMetrics({ register: shared });
      server.get(path, { config: { open } }, async (_request, reply) => {
        const text = await shared.metrics();
        return reply.type(shared.contentType).send(text);
      });
    });
  },
});

/** All packages of Backplane carry one version. */
function version(): string {
  return JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version;
}
