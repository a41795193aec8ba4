import type { UpstreamOptions } from './options.ts';
import type { Upstream } from './upstream.ts';
import { ask } from './wire/ask.ts';

/** Asks an upstream once how it is: true for a 2xx in time. */
export async function probe(upstream: Upstream, { path, timeout }: UpstreamOptions['probe']): Promise<boolean> {
  try {
    const reply = await ask(
      upstream.connections,
      { method: 'GET', path: upstream.base + path, headers: upstream.credentials },
      AbortSignal.timeout(timeout),
    );
    for await (const _ of reply.body);
    return reply.status >= 200 && reply.status < 300;
  } catch {
    return false;
  }
}
