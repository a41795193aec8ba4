import { z } from 'zod';
import { dialects, isolations } from '../sdk/index.ts';
import { duration, positiveDuration, size } from '../units/index.ts';

/** Ids travel in URLs, logs and metric labels; they may hold slashes, spaces and any script. */
const modelId = z
  .string()
  .regex(
    /^(?!\s)[^\p{Cc}]{1,256}(?<!\s)$/u,
    'must be 1 to 256 characters, without control characters and without white space at its ends',
  );

const residence = z.strictObject({
  idle_timeout: positiveDuration.prefault('10m').describe('How long it stays loaded with no call here'),
  load_timeout: positiveDuration.prefault('5m').describe('How long a call may wait for it to be loaded'),
});
const onDemand = z
  .union([z.boolean(), residence])
  .default(false)
  .transform((given) => (given === true ? residence.parse({}) : given || undefined));

const memory = size.refine((bytes) => bytes > 0, 'must be more than 0');

/** As browsers write it: scheme and host, a port where it is not the scheme's own. */
const origin = /^(?:\*|[a-z][a-z0-9+.-]*:\/\/[^\s/?#@]+)$/;

const server = z.strictObject({
  host: z.string().min(1).default('127.0.0.1').describe('Address to listen on'),
  port: z.int().min(0).max(65535).default(8787).describe('0: any free port'),
  shutdown_grace: duration.prefault('30s').describe('How long running calls may go on after SIGTERM'),
  open: z.boolean().default(false).describe('Allows an address beyond loopback although no plugin asks for a key'),
  body_limit: size.prefault('32MB').describe('Largest request body'),
  hosts: z.array(z.string().min(1)).default([]).describe('Names accepted in the Host header, beyond loopback'),
  open_routes: z
    .array(z.string().startsWith('/'))
    .default(['/health', '/ready'])
    .describe("The server's own routes that answer without a key"),
  health: z
    .string()
    .min(1)
    .default('backplane')
    .describe('Form of GET /health: backplane, or one that a loaded plugin contributes'),
  cors: z
    .strictObject({
      origins: z
        .array(z.string().regex(origin, 'must be an origin such as https://chat.example.com, without a path, or *'))
        .default([])
        .describe('Origins whose pages may call this server from a browser; "*": all'),
    })
    .prefault({}),
  keep_alive: positiveDuration.prefault('15s').describe('Silence after which a stream carries a comment'),
});

const log = z.strictObject({
  level: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info').describe('Least level that is written'),
  format: z.enum(['auto', 'json', 'pretty']).default('auto').describe('auto: pretty on a terminal, else json'),
});

export const pluginSchema = z
  .union([
    z
      .string()
      .min(1)
      .transform((use): { use: string; config?: unknown } => ({ use })),
    z.strictObject({
      use: z.string().min(1).describe('A package, or a path that begins with a dot or is absolute'),
      config: z.unknown().optional().describe("The plugin's own settings"),
    }),
  ])
  .describe('What config.yaml loads');

export const modelSchema = z.strictObject({
  id: modelId.describe('What callers put into `model`'),
  aliases: z.array(modelId).default([]).describe('Further names of the same model'),
  backend: z.string().min(1).describe('A backend that one of the plugins contributes'),
  instances: z.int().min(1).max(64).default(1).describe('Running copies'),
  isolation: z.enum(isolations).optional().describe("Where an instance runs; absent: the backend's own default"),
  queue: z
    .strictObject({
      size: z.int().min(0).default(64).describe('Calls that may wait; one more is refused with 503'),
      timeout: duration.prefault('60s').describe('How long a call may wait'),
    })
    .prefault({}),
  on_demand: onDemand.describe('Load it when a call needs it, not at the start'),
  memory: memory.optional().describe('What one loaded instance takes; see memory.budget'),
  reasoning: z
    .enum(['as-is', 'raw', 'separate', 'hidden'])
    .optional()
    .describe('How thinking is shown; absent: as-is for a model that another server answers for, else separate'),
  dialect: z
    .enum(dialects)
    .optional()
    .describe('How reasoning and tool calls stand in the text; absent: as the model says'),
  unsupported: z
    .enum(['refuse', 'ignore'])
    .default('refuse')
    .describe('What happens to request parameters that the model does not honour'),
  defaults: z.record(z.string(), z.unknown()).default({}).describe('Request parameters for calls that do not set them'),
  timeout: positiveDuration.prefault('10m').describe('Deadline of one call'),
  restart: z
    .strictObject({
      backoff: positiveDuration.prefault('500ms').describe('Wait before the first restart; doubles each time'),
      max_backoff: positiveDuration.prefault('30s').describe('Longest wait between restarts'),
      limit: z.int().min(0).default(5).describe('Restarts within `window` after which the instance stays failed'),
      window: positiveDuration.prefault('5m'),
    })
    .prefault({}),
  options: z
    .record(z.string(), z.unknown())
    .nullish()
    .transform((options) => options ?? {})
    .describe("The backend's own settings"),
});

export const configSchema = z.strictObject({
  server: server.prefault({}),
  log: log.prefault({}),
  memory: z
    .strictObject({ budget: memory.optional().describe('What all loaded models may take together; absent: no bound') })
    .prefault({}),
  plugins: z.array(pluginSchema).default([]),
  models: z.array(modelSchema).default([]),
});

export type Config = z.output<typeof configSchema>;
export type PluginConfig = z.output<typeof pluginSchema>;
export type ModelConfig = z.output<typeof modelSchema>;
