import { Failure, type Principal } from '../sdk/index.ts';
import type { Model } from './model.ts';

/** Every configured model, by id and by alias. A name from a request is only ever looked up here, never used as a path. */
export class ModelRegistry {
  readonly #byName = new Map<string, Model>();
  readonly all: readonly Model[];

  constructor(models: readonly Model[]) {
    this.all = models;
    for (const model of models) {
      for (const name of [model.id, ...model.definition.aliases]) this.#byName.set(name, model);
    }
  }

  /** Throws `model_not_found`, also for a model that the principal may not call: it need not learn that it exists. */
  find(name: string, principal: Principal): Model {
    const model = this.#byName.get(name);
    if (!model || !allowed(model, principal)) {
      throw new Failure(
        'model_not_found',
        `The model \`${name.slice(0, 100)}\` does not exist or you do not have access to it.`,
        {
          param: 'model',
        },
      );
    }
    return model;
  }

  /** The models that a principal may call. */
  visible(principal: Principal): readonly Model[] {
    return this.all.filter((model) => allowed(model, principal));
  }
}

function allowed({ id, definition }: Model, { models }: Principal): boolean {
  return models === undefined || models.includes(id) || definition.aliases.some((alias) => models.includes(alias));
}
