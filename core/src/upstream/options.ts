import { z } from 'zod';
import { positiveDuration as duration } from '../units/index.ts';

const headerName = z.string().regex(/^[\w!#$%&'*+.^`|~-]+$/, 'must be the name of an HTTP header');

const host = z.strictObject({
  url: z
    .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
    .refine((url) => !new URL(url).username && !new URL(url).password, 'must not carry a user or a password; use key')
    .describe('Base URL of the server, with or without /v1'),
  key: z.string().min(1).optional().describe('Its key; sent in `header` after `prefix`'),
  header: headerName.default('Authorization'),
  prefix: z.string().default('Bearer').describe('Empty: the key comes bare'),
  model: z.string().min(1).optional().describe("The model's name there; absent: the id here"),
  weight: z.number().positive().max(1_000).default(1).describe('Share of calls compared with the others'),
  max_concurrent: z.int().positive().optional().describe('Calls it is given at a time'),
});

/** What a model in front of OpenAI-compatible servers may say; a plugin's schema takes it whole or in part. */
export const upstreamFields = {
  upstreams: z.array(host).min(1).max(256),
  timeouts: z
    .strictObject({
      connect: duration.prefault('5s').describe('Until a connection stands'),
      first_byte: duration.prefault('5m').describe("Until the reply's head: a long prompt is computed in this time"),
      idle: duration.prefault('2m').describe('Longest silence within a reply'),
    })
    .prefault({}),
  probe: z
    .strictObject({
      path: z
        .string()
        .startsWith('/')
        .default('/health')
        .describe('Asked with GET; 2xx is healthy. /v1/models where there is no /health'),
      interval: duration.prefault('5s'),
      timeout: duration.prefault('3s'),
      enabled: z.boolean().default(true),
    })
    .prefault({}),
  eject: z
    .strictObject({
      failures: z.int().positive().default(3).describe('Failed calls in a row after which a server gets no more'),
      for: duration.prefault('5s').describe('How long at first; doubles each time'),
      at_most: duration.prefault('1m'),
    })
    .prefault({}),
  retry: z
    .strictObject({
      attempts: z
        .int()
        .min(0)
        .max(10)
        .default(2)
        .describe('Further servers that are asked when one fails before any output'),
      budget: z
        .number()
        .min(0)
        .max(1)
        .default(0.2)
        .describe('Retries at most, as a share of calls; a few per second are always allowed'),
    })
    .prefault({}),
  affinity: z
    .union([z.literal('none'), z.literal('prefix'), z.strictObject({ header: headerName })])
    .default('none')
    .describe('What keeps a conversation on one server: the beginning of its request, or a header'),
};

export const upstreamOptions = z.strictObject(upstreamFields);
export type UpstreamOptions = z.output<typeof upstreamOptions>;
/** `title`: what messages call it, where no operator wrote its address down; absent: its place in the list. */
export type UpstreamHost = z.output<typeof host> & { readonly title?: string };
