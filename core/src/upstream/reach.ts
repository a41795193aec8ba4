import type { Finding } from '../sdk/index.ts';
import type { UpstreamOptions } from './options.ts';
import { Upstream } from './upstream.ts';
import { ask as request } from './wire/ask.ts';

/** For `backplane doctor`: whether the upstreams of a model answer, and take the key they are given. */
export async function reachUpstreams(id: string, options: UpstreamOptions, signal: AbortSignal): Promise<Finding[]> {
  return Promise.all(
    options.upstreams.map((host, index) => reach(id, new Upstream(index, host, options), options, signal)),
  );
}

async function reach(
  id: string,
  upstream: Upstream,
  { probe }: UpstreamOptions,
  signal: AbortSignal,
): Promise<Finding> {
  const who = `${id}: ${upstream.title}, ${upstream.host.url},`;
  const ask = async (path: string): Promise<number> => {
    const reply = await request(
      upstream.connections,
      { method: 'GET', path: upstream.base + path, headers: upstream.credentials },
      AbortSignal.any([signal, AbortSignal.timeout(probe.timeout)]),
    );
    reply.cancel();
    return reply.status;
  };
  try {
    const health = probe.enabled ? await ask(probe.path) : 200;
    if (health < 200 || health > 299) {
      const fix = `Look at its log; where it has no ${probe.path}, set options.probe.path to /v1/models.`;
      return { status: 'problem', what: `${who} answers ${probe.path} with ${health}.`, fix };
    }
    // Health is often told to anybody; this is not.
    const models = await ask('/v1/models');
    if (models === 401 || models === 403) {
      const given =
        upstream.host.key === undefined ? 'asks for a key and is given none' : 'does not take the key it is given';
      return { status: 'problem', what: `${who} ${given}.`, fix: 'Set the key of this upstream to one that it takes.' };
    }
    return { status: 'ok', what: `${who} answers.` };
  } catch (thrown) {
    const { code, name, message } = thrown as NodeJS.ErrnoException;
    const why = name === 'TimeoutError' ? `no answer within ${probe.timeout / 1000} s` : (code ?? message);
    const fix = 'Start it, or correct options.upstreams; until it answers, calls of this model fail.';
    return { status: 'problem', what: `${who} cannot be reached: ${why}.`, fix };
  } finally {
    upstream.close();
  }
}
