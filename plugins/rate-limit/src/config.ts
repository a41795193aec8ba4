import { z } from 'zod';

const count = z.int().positive();

const limit = z
  .strictObject({
    principals: z.array(z.string()).min(1).optional().describe('Names of keys that this counts; absent: all callers'),
    models: z.array(z.string()).min(1).optional().describe('Model ids that this counts; absent: all models'),
    per: z
      .array(z.enum(['principal', 'model']))
      .default(['principal', 'model'])
      .describe('What has a count of its own; []: all that this entry counts share one'),
    requests_per_minute: count.optional().describe('Calls let in per minute'),
    tokens_per_minute: count
      .optional()
      .describe('Prompt and completion tokens per minute, charged when a call is over'),
    concurrent: count.optional().describe('Calls at the same time, those in the queue included'),
  })
  .superRefine(({ requests_per_minute, tokens_per_minute, concurrent }, context) => {
    if (requests_per_minute ?? tokens_per_minute ?? concurrent) return;
    context.addIssue({
      code: 'custom',
      message: 'This limits nothing; give requests_per_minute, tokens_per_minute or concurrent',
    });
  });

export const config = z.strictObject({
  store: z
    .string()
    .refine(isStore, 'The store is memory, or a URL such as redis://host:6379 or rediss://user:password@host:6379/0')
    .default('memory')
    .describe('Where the counts are: memory, or a Redis or Valkey server that replicas share'),
  prefix: z.string().min(1).default('backplane').describe('First part of every key in Redis'),
  on_store_failure: z
    .enum(['open', 'closed'])
    .default('open')
    .describe('While Redis does not answer: open lets calls pass uncounted, closed refuses them with 503'),
  limits: z.array(limit).min(1).describe('All entries that fit a call apply to it'),
});

export type LimitConfig = z.output<typeof limit>;

function isStore(store: string): boolean {
  if (store === 'memory') return true;
  const url = URL.parse(store);
  return url !== null && /^rediss?:$/.test(url.protocol) && url.hostname !== '';
}
