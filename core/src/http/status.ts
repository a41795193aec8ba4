import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Model } from '../models/model.ts';
import type { ModelRegistry } from '../models/registry.ts';
import { type ModelView, modelBody, modelList } from '../openai/models.ts';
import { anonymous, type HealthReport, type InstanceState, type Principal } from '../sdk/index.ts';
import { endpoints } from './endpoints.ts';
import { type ChosenHealth, formattedHealth } from './health.ts';

export interface StatusSurroundings {
  readonly models: ModelRegistry;
  /** True from the first signal to stop on. */
  readonly draining: () => boolean;
  readonly version: string;
  /** Paths that answer without a key. */
  readonly open: readonly string[];
  /** Whether routes that are not open ask for a key. */
  readonly guarded: boolean;
  /** Absent: the server's own. */
  readonly health?: ChosenHealth;
}

/** The routes that say what is here and how it is. */
export function statusRoutes(app: FastifyInstance, around: StatusSurroundings): void {
  const { models, draining, version } = around;
  const started = Math.floor(Date.now() / 1000);
  const config = (path: string) => ({ config: { open: around.open.includes(path) } });

  // Names of models and reasons of failures are for those with a key; a probe needs one word.
  app.get('/health', config('/health'), ({ exchange: { principal } }) => {
    const status = draining() ? 'draining' : overall(models.all);
    const uptimeSeconds = Math.floor(Date.now() / 1000) - started;
    const visible = principal && models.visible(principal);
    if (around.health) {
      return formattedHealth(around.health, { status, version, uptimeSeconds, guarded: around.guarded }, visible);
    }
    const named = visible && Object.fromEntries(visible.map((model) => [model.id, model.status()]));
    return { status, ...(named && { version, uptime_seconds: uptimeSeconds, models: named }) };
  });

  app.get('/ready', config('/ready'), ({ exchange }, reply) => {
    const waiting = models.all.filter(
      (model) => !model.onDemand && model.facts === undefined && model.status().state === 'loading',
    );
    const some = models.all.length === 0 || models.all.some((model) => serves(model));
    const ready = !draining() && waiting.length === 0 && some;
    if (!ready) reply.code(503).header('retry-after', '1');
    return { ready, ...(exchange.principal && waiting.length > 0 && { loading: waiting.map(({ id }) => id) }) };
  });

  app.get('/v1/models', config('/v1/models'), (request) =>
    modelList(models.visible(whose(request)).map(view), started),
  );

  // A wildcard, because ids contain slashes; Fastify has decoded them already.
  app.get('/v1/models/*', config('/v1/models/*'), (request: FastifyRequest) => {
    const name = (request.params as { readonly '*': string })['*'];
    return modelBody(view(models.find(name, whose(request))), name, started);
  });

  app.get('/openapi.json', config('/openapi.json'), async () => {
    // Loaded when it is asked for: with it come the schemas of all requests.
    const { openapi } = await import('../openai/openapi.ts');
    return openapi({
      version,
      guarded: around.guarded,
      open: around.open,
      relayed: endpoints.filter(({ own }) => own === undefined).flatMap(({ paths }) => paths),
    });
  });
}

/** An open route has callers without a key: they see what anyone may. */
function whose({ exchange }: FastifyRequest): Principal {
  return exchange.principal ?? anonymous;
}

function view(model: Model): ModelView {
  const { id, definition, facts, tasks } = model;
  return {
    id,
    aliases: definition.aliases,
    backend: definition.backend.name,
    state: model.status().state,
    tasks: [...new Set([...tasks, ...(facts?.relays ?? [])])],
    facts,
    unsupported: definition.unsupported,
    reasoning: model.reasoning,
  };
}

/** Whether a call would be answered, for a model on demand after a while. */
function serves(model: Model): boolean {
  const { state } = model.status();
  return state === 'ready' || state === 'degraded' || (model.onDemand && state !== 'failed');
}

/** `ok`: every instance is ready. `degraded`: some are not. `failed`: no model serves. */
function overall(models: readonly Model[]): HealthReport['status'] {
  // To come and to go is how a model on demand is well.
  const states = models.flatMap((model) =>
    model.status().instances.map(({ state }) => (model.onDemand && passing.has(state) ? 'ready' : state)),
  );
  if (states.every((state) => state === 'ready')) return 'ok';
  if (!states.some((state) => state === 'ready' || state === 'degraded')) {
    return states.includes('loading') ? 'loading' : 'failed';
  }
  return 'degraded';
}

const passing: ReadonlySet<string> = new Set<InstanceState>(['unloaded', 'loading', 'unloading']);
