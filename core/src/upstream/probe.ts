import type { UpstreamOptions } from './options.ts';
import type { Upstream } from './upstream.ts';

/** Asks an upstream once how it is: true for a 2xx in time. */
export async function probe(upstream: Upstream, { path, timeout }: UpstreamOptions['probe']): Promise<boolean> {
  try {
    const { statusCode, body } = await upstream.pool.request({
      method: 'GET',
      path: upstream.base + path,
      headers: upstream.credentials,
      signal: AbortSignal.timeout(timeout),
    });
    await body.dump();
    return statusCode >= 200 && statusCode < 300;
  } catch {
    return false;
  }
}
