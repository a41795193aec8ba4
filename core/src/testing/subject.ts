import { z } from 'zod';
import { backendsOf } from '../instances/recall.ts';
import { type BackendKind, type Isolation, isolations, type Plugin } from '../sdk/index.ts';
import { silent } from './silent.ts';

/** What the rules are run against: one backend of a plugin, with options that make a model. */
export interface Subject {
  /** URL of the plugin's module, e.g. `new URL('../src/index.ts', import.meta.url).href`. */
  readonly plugin: string;
  /** What config.yaml would say under the plugin's `config:`; absent: `{}`. */
  readonly config?: unknown;
  /** The name that the plugin gives its backend. */
  readonly backend: string;
  /** What config.yaml would say under the model's `options:`; absent: `{}`. */
  readonly options?: unknown;
  /** Absent: the backend's default. */
  readonly isolation?: Isolation;
  /** Stands for the folder of config.yaml; absent: the working directory. */
  readonly directory?: string;
  /**
   * What the model is asked. At least one should have an answer of twenty pieces or more, and one an answer with
   * characters beyond ASCII: rules that need such an answer do not apply without it. Absent: four questions.
   */
  readonly prompts?: readonly [string, ...string[]];
}

export const defaultPrompts = ['Who are you?', 'What is Backplane?', 'Count from 1 to 30.', '你好'] as const;

/** A subject whose plugin was imported and whose config and options were checked. */
export interface CheckedSubject {
  readonly subject: Subject;
  readonly plugin: { readonly name: string; readonly url: string; readonly config: unknown };
  readonly kind: BackendKind;
  readonly options: unknown;
  readonly isolation: Isolation;
  /** Where the backend may run. */
  readonly isolations: readonly Isolation[];
  readonly directory: string;
  readonly prompts: readonly [string, ...string[]];
}

/** Throws a sentence when the subject itself is wrong: no such plugin or backend, options that its schema refuses. */
export async function checkSubject(subject: Subject): Promise<CheckedSubject> {
  const { default: plugin } = (await import(subject.plugin)) as { readonly default?: Plugin };
  if (typeof plugin?.setup !== 'function') {
    throw new Error(`${subject.plugin} has no plugin as its default export: export default definePlugin({ … })`);
  }
  const config = parse(plugin.config, subject.config ?? {}, `the config of plugin ${plugin.name}`);
  const directory = subject.directory ?? process.cwd();
  const kinds = await backendsOf(plugin, config, directory, silent);
  const kind = kinds.get(subject.backend);
  if (!kind) {
    const names = [...kinds.keys()].join(', ') || 'none';
    throw new Error(`plugin ${plugin.name} contributes no backend "${subject.backend}"; it has: ${names}`);
  }
  const allowed = kind.isolation ?? isolations;
  const isolation = subject.isolation ?? (allowed[0] as Isolation);
  if (!allowed.includes(isolation)) {
    throw new Error(`backend ${subject.backend} runs in ${allowed.join(', ')}, not in isolation ${isolation}`);
  }
  return {
    subject,
    plugin: { name: plugin.name, url: subject.plugin, config },
    kind,
    options: parse(kind.options, subject.options ?? {}, `the options of backend ${subject.backend}`),
    isolation,
    isolations: allowed,
    directory,
    prompts: subject.prompts ?? defaultPrompts,
  };
}

function parse(schema: z.ZodType, value: unknown, what: string): unknown {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new Error(`${what} are refused by their schema:\n${z.prettifyError(parsed.error)}`);
}
