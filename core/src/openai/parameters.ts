import { Failure } from '../sdk/index.ts';
import type { Target } from './target.ts';

type Neutral = (value: unknown) => boolean;

const is =
  (...neutral: readonly unknown[]): Neutral =>
  (value) =>
    neutral.includes(value);
const never: Neutral = () => false;
const empty: Neutral = (value) => typeof value === 'object' && value !== null && Object.keys(value).length === 0;

/** What the core does for every model. */
export const coreParameters = ['stream', 'stream_options', 'n', 'stop', 'parallel_tool_calls'] as const;
const structural = new Set(['model', 'messages', 'prompt', 'input', 'encoding_format', ...coreParameters]);

/** Facts about the caller that change no answer anywhere: taken, not used, and named as ignored. */
const passive = new Set(['user', 'metadata', 'safety_identifier', 'prompt_cache_key', 'prompt_cache_retention']);

/** What a model may honour, with the value that means the same as leaving it out. */
export const modelParameters: Readonly<Record<string, Neutral>> = {
  temperature: is(1),
  top_p: is(1),
  top_k: is(0, -1),
  min_p: is(0),
  seed: never,
  presence_penalty: is(0),
  frequency_penalty: is(0),
  repetition_penalty: is(1),
  logit_bias: empty,
  logprobs: is(false),
  top_logprobs: is(0),
  max_tokens: never,
  max_completion_tokens: never,
  response_format: (value) => (value as { type?: unknown })?.type === 'text',
  tools: empty,
  tool_choice: is('auto', 'none'),
  chat_template_kwargs: empty,
  enable_thinking: never,
  dimensions: never,
};

/** OpenAI's parameters that no model here has yet, with the value that asks for nothing. */
const unavailable: Readonly<Record<string, Neutral>> = {
  audio: never,
  best_of: is(1),
  echo: is(false),
  function_call: is('none', 'auto'),
  functions: empty,
  modalities: (value) => Array.isArray(value) && value.every((modality) => modality === 'text'),
  prediction: never,
  reasoning_effort: is('medium'),
  service_tier: is('auto', 'default'),
  store: is(false),
  suffix: is(''),
  verbosity: is('medium'),
  web_search_options: never,
};

const instead: Readonly<Record<string, string>> = {
  functions: 'send tools',
  function_call: 'send tool_choice',
  reasoning_effort: 'send enable_thinking: true or false',
};

/** Spellings of one parameter: a model that honours the second honours the first. */
const spelling: ReadonlyMap<string, string> = new Map([
  ['max_completion_tokens', 'max_tokens'],
  ['enable_thinking', 'chat_template_kwargs'],
]);

// Maps, because a client may send a field named `constructor`.
const neutral: ReadonlyMap<string, Neutral> = new Map(Object.entries({ ...modelParameters, ...unavailable }));
const honours = (target: Target, name: string): boolean => target.honoured.has(spelling.get(name) ?? name);

export interface Parameters {
  /** The request with the model's defaults in it and without nulls, neutral values, and what is ignored. */
  readonly body: Readonly<Record<string, unknown>>;
  /** Names of what was sent and has no effect. */
  readonly ignored: readonly string[];
}

/** Honest parameters: each one that was sent is honoured, refused with its name, or named as ignored. */
export function readParameters(sent: Readonly<Record<string, unknown>>, target: Target): Parameters {
  const body: Record<string, unknown> = Object.create(null);
  const ignored: string[] = [];
  for (const [name, value] of Object.entries(sent)) {
    if (value === null || value === undefined) continue;
    if (structural.has(name) || honours(target, name)) body[name] = value;
    else if (passive.has(name) || !neutral.has(name)) ignored.push(name);
    else if (!neutral.get(name)?.(value)) {
      if (target.unsupported === 'refuse') throw refusal(name, target);
      ignored.push(name);
    }
  }
  for (const [name, value] of Object.entries(target.defaults)) {
    const said =
      name in body ||
      (spelling.get(name) ?? name) in body ||
      [...spelling].some(([other, same]) => same === name && other in body);
    if (!said && honours(target, name)) body[name] = value;
  }
  return { body, ignored };
}

function refusal(name: string, target: Target): Failure {
  const hint = instead[name] ? `; ${instead[name]} instead` : '';
  return new Failure('unsupported_parameter', `${target.name} does not support the parameter ${name}${hint}.`, {
    param: name,
  });
}
