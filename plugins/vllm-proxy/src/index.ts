import { definePlugin, relayTasks } from '@backplane/core/sdk';
import {
  reachUpstreams,
  UpstreamInstance,
  UpstreamMetrics,
  type UpstreamOptions,
  upstreamFields,
} from '@backplane/core/upstream';
import { z } from 'zod';

const options = z.strictObject({
  ...upstreamFields,
  tasks: z.array(z.enum(relayTasks)).min(1).optional().describe('What is passed on; absent: everything'),
  context_length: z.int().positive().optional().describe('Absent: as the upstreams say in /v1/models'),
  parameters: z
    .array(z.string())
    .optional()
    .describe('Request parameters that are honoured; absent: the upstream decides'),
  slots: z
    .int()
    .positive()
    .optional()
    .describe('Calls at a time over all upstreams; further ones wait. Absent: as many as come'),
});

export default definePlugin({
  name: 'vllm-proxy',
  apiVersion: 1,
  config: z.strictObject({}),
  setup(context) {
    let metrics: UpstreamMetrics | undefined;
    context.backend('vllm', {
      options,
      isolation: ['inline'],
      create({ id, options: { tasks, context_length, parameters, slots, ...upstream } }, { log }) {
        metrics ??= new UpstreamMetrics(context.meter);
        return new UpstreamInstance({
          id,
          options: upstream,
          log,
          metrics,
          ...(tasks && { tasks }),
          ...(context_length !== undefined && { contextLength: context_length }),
          ...(parameters && { parameters }),
          ...(slots !== undefined && { slots }),
        });
      },
    });
    context.examine(async ({ models, signal }) => {
      const findings = models.map(({ id, options }) => reachUpstreams(id, options as UpstreamOptions, signal));
      return (await Promise.all(findings)).flat();
    });
  },
});
