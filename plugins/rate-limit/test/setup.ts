import type { Limiter, PluginContext, Usage } from '@backplane/core/sdk';
import rateLimit from '../src/index.ts';

export interface Loaded {
  /** A chat by `who` on `model` that ends at once, having used `usage`; gives the headers of its reply. */
  call(who: string, model: string, usage?: Usage): Promise<Readonly<Record<string, string>>>;
  /** Labels of every refusal so far. */
  readonly rejected: readonly object[];
}

/** Runs the plugin's own check of `config` and its own setup. */
export async function load(config: unknown): Promise<Loaded> {
  const limiters: Limiter[] = [];
  const rejected: object[] = [];
  const meter = { counter: () => ({ inc: (labels: object) => void rejected.push(labels) }) };
  const context = {
    meter: meter as unknown as PluginContext['meter'],
    limit: (limiter: Limiter) => void limiters.push(limiter),
    onDispose: () => {},
  };
  await rateLimit.setup(context as unknown as PluginContext, rateLimit.config.parse(config));
  return {
    rejected,
    call: async (name, model, usage) => {
      const headers: Record<string, string> = {};
      for (const limiter of limiters) {
        const grant = await limiter.admit({ principal: { name }, model, operation: 'chat' });
        Object.assign(headers, grant.headers);
        grant.settle(usage);
      }
      return headers;
    },
  };
}
