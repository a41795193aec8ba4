import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { type RunningServer, type ServeOptions, serve } from '../server.ts';

const root = new URL('../..', import.meta.url).pathname;
export const cache = join(root, '.cache/sophon');
export const libraries = join(cache, 'lib');
const addon = join(root, 'plugins/sophon-tpu/native/build/sophon.node');

const missing = [
  ...(existsSync(join(cache, 'made-of.sha256')) ? [] : ['no .cache/sophon; npm run sophon makes it']),
  ...(existsSync(addon) ? [] : ['no native addon; npm run build:native builds it']),
];

/** Tests that run Sophgo's own runtime on Sophgo's simulator of the BM1684X, with a bmodel that its compiler made. */
export const describeSophon =
  missing.length === 0
    ? describe
    : (name: string, tests: () => void) => describe.skip(`${name} (skipped: ${missing.join(', ')})`, tests);

/** Milliseconds that a test may take: the simulator's threads wait for each other busily, and others want the CPU too. */
export const patience = 300_000;

/** How the tiny Qwen3-VL was compiled; tools/sophon/make_bmodel.py says what each means. */
export const variants = ['static-bf16', 'dynamic-bf16', 'f16-sample', 'history'] as const;
export type Variant = (typeof variants)[number];

interface Part {
  readonly type?: string;
  readonly text?: string;
  /** `image:name.png` or `video:name.avi`, which lie beside the answers. */
  readonly file?: string;
}

/** A chat, and what tools/sophon/reference.py says must come of it, greedily: float64 numpy from the same weights. */
export interface Case {
  readonly messages: readonly { readonly role: string; readonly content: string | readonly Part[] }[];
  readonly max_tokens: number;
  readonly prompt_tokens: number;
  readonly text: string;
}

let cases: Readonly<Record<string, Case>> | undefined;

export function reference(name: string): Case {
  cases ??= JSON.parse(readFileSync(join(cache, 'reference/reference.json'), 'utf8')) as Record<string, Case>;
  const found = cases[name];
  if (found) return found;
  throw new Error(`tools/sophon/cases.py has no case "${name}"; it has ${Object.keys(cases).join(', ')}.`);
}

/** The request of a case. */
export function request(model: string, name: string, more: object = {}): Record<string, unknown> {
  const { messages, max_tokens } = reference(name);
  const sent = messages.map(({ role, content }) => ({
    role,
    content: typeof content === 'string' ? content : content.map(wirePart),
  }));
  return { model, messages: sent, max_tokens, ...more };
}

function wirePart(part: Part): object {
  if (part.file === undefined) return part;
  const [kind, file] = part.file.split(':') as [string, string];
  const type = kind === 'image' ? 'image/png' : 'video/x-msvideo';
  const url = `data:${type};base64,${readFileSync(join(cache, 'reference', file), 'base64')}`;
  return kind === 'image' ? { type: 'image_url', image_url: { url } } : { type: 'video_url', video_url: { url } };
}

/** An entry of `models:`. */
export function sophonModel(id: string, variant: Variant, more = ''): string {
  const options = `{ model_dir: ${join(cache, 'models', variant)}, libraries: ${libraries} }`;
  return `  - { id: ${id}, backend: sophon, ${more && `${more}, `}options: ${options} }\n`;
}

/** Its end frees all memory of the device: else the simulator makes the exit code say so. */
export function serveSophon(models: readonly string[], options: ServeOptions = {}): Promise<RunningServer> {
  const plugins = 'plugins: ["@backplane/sophon-tpu", "@backplane/media"]';
  return serve(`${plugins}\nlog: { level: debug }\nmodels:\n${models.join('')}`, options);
}

export interface Completion {
  readonly choices: readonly [
    {
      readonly message: { readonly content: string };
      readonly finish_reason: string;
      readonly logprobs: { readonly content: readonly { readonly token: string; readonly logprob: number }[] } | null;
    },
  ];
  readonly usage: {
    readonly prompt_tokens: number;
    readonly completion_tokens: number;
    readonly prompt_tokens_details?: { readonly cached_tokens: number };
  };
}

export function post(server: RunningServer, body: object, signal?: AbortSignal): Promise<Response> {
  return fetch(`${server.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    ...(signal && { signal }),
  });
}

export async function complete(server: RunningServer, body: object): Promise<Completion> {
  const response = await post(server, body);
  const answer = await response.json();
  expect(answer).not.toHaveProperty('error');
  return answer as Completion;
}

/** Tokens that most tests ask for: one of the prompt, and two that look back at the cache. */
const fewTokens = 3;

/** What the reference's answer begins with. Words have two letters each, so the text tells the tokens. */
export function expected(name: string, tokens: number = fewTokens): string {
  return reference(name).text.slice(0, 2 * tokens);
}

/** Asks a case and expects the reference's answer. */
export async function expectCase(
  server: RunningServer,
  model: string,
  name: string,
  more: object = {},
): Promise<Completion> {
  const answer = await complete(server, request(model, name, { max_tokens: fewTokens, ...more }));
  expect(answer.choices[0].message.content).toBe(expected(name));
  expect(answer.choices[0].finish_reason).toBe('length');
  expect(answer.usage).toMatchObject({
    prompt_tokens: reference(name).prompt_tokens,
    completion_tokens: fewTokens,
  });
  return answer;
}
