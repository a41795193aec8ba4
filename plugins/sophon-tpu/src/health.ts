import type { HealthFormat, HealthReport } from '@backplane/core/sdk';
import type { Options } from './options.ts';

const words: Readonly<Record<HealthReport['status'], readonly [status: string, details: string]>> = {
  ok: ['healthy', 'The model is loaded and running'],
  degraded: ['degraded', 'Some of the instances do not run; the others go on'],
  loading: ['loading', 'The model is being loaded'],
  failed: ['unhealthy', 'No instance runs'],
  draining: ['draining', 'The server is shutting down'],
};

/** `GET /health` as the vendor's Python service for the SE7 says it, of the first model on the chip. */
export const serviceHealth: HealthFormat = ({ status, version, guarded, models: [model] }) => {
  const [word, details] = words[status];
  return {
    status: word,
    details,
    ...(model && {
      model: model.id,
      model_dir: (model.options as Options).model_dir,
      // There, requests that it takes at once; here, those that run and those that may wait.
      max_concurrent: model.instances + model.queueSize,
    }),
    api_auth_enabled: guarded,
    timestamp: Math.floor(Date.now() / 1000),
    version,
  };
};
