import type { Facts, RelayTask } from '../sdk/index.ts';
import { coreParameters, modelParameters } from './parameters.ts';

/** A model as a client may see it. */
export interface ModelView {
  readonly id: string;
  readonly aliases: readonly string[];
  readonly backend: string;
  readonly state: string;
  readonly tasks: readonly RelayTask[];
  /** Undefined until it was loaded. */
  readonly facts: Facts | undefined;
  readonly unsupported: 'refuse' | 'ignore';
  readonly reasoning: string;
}

/** OpenAI's model object, with what its clients ask for and OpenAI does not say beside it. `created`: server start, Unix s. */
export function modelBody(view: ModelView, name: string, created: number): object {
  const { facts } = view;
  return {
    id: name,
    object: 'model',
    created,
    owned_by: 'backplane',
    ...(facts?.contextLength !== undefined && { max_model_len: facts.contextLength }),
    backplane: {
      ...(name !== view.id && { alias_of: view.id }),
      backend: view.backend,
      state: view.state,
      tasks: view.tasks,
      modalities: facts?.modalities ?? (facts ? ['text'] : []),
      context_length: facts?.contextLength ?? null,
      slots: facts?.slots ?? null,
      reasoning: view.reasoning,
      parameters: facts ? parameters(facts, view.unsupported) : {},
      details: facts?.details ?? {},
    },
  };
}

/** `GET /v1/models`: ids and aliases, each usable as `model`. */
export function modelList(views: readonly ModelView[], created: number): object {
  return {
    object: 'list',
    data: views.flatMap((view) => [view.id, ...view.aliases].map((name) => modelBody(view, name, created))),
  };
}

function parameters(facts: Facts, unsupported: 'refuse' | 'ignore'): Record<string, string> {
  if (facts.parameters === 'any') return {};
  const honoured = new Set([...coreParameters, ...(facts.parameters ?? [])]);
  const all: Record<string, string> = {};
  for (const name of [...coreParameters, ...Object.keys(modelParameters), ...honoured]) {
    all[name] = honoured.has(name) ? 'honoured' : unsupported === 'refuse' ? 'refused' : 'ignored';
  }
  if (honoured.has('max_tokens')) all.max_completion_tokens = 'honoured';
  if (honoured.has('chat_template_kwargs')) all.enable_thinking = 'honoured';
  return all;
}
