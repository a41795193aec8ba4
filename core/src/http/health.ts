import type { Model } from '../models/model.ts';
import type { HealthFormat, HealthReport, ReportedModel } from '../sdk/index.ts';

/** The form of `/health` that config.yaml chose, and the plugin it comes from. */
export interface ChosenHealth {
  readonly plugin: string;
  readonly format: HealthFormat;
}

/** The body in that form: all of it for those with a key, else one word, since names of models are not for everyone. */
export function formattedHealth(
  { plugin, format }: ChosenHealth,
  about: Omit<HealthReport, 'models'>,
  visible: readonly Model[] | undefined,
): object {
  const own = (visible ?? []).filter(({ definition }) => definition.backend.plugin.name === plugin);
  const body = format({ ...about, models: own.map(reported) });
  return visible ? body : { status: body.status };
}

function reported(model: Model): ReportedModel {
  const { id, definition, slots } = model;
  return {
    id,
    backend: definition.backend.name,
    options: definition.options,
    state: model.status().state,
    instances: definition.instances,
    slots,
    queueSize: definition.queue.size,
  };
}
