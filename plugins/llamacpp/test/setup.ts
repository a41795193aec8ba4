import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type {
  BackendKind,
  Call,
  ChatEvent,
  ChatRequest,
  CompletionRequest,
  Facts,
  Failure,
  Instance,
  Log,
  PluginContext,
  Usage,
} from '@backplane/core/sdk';
import { onTestFinished } from 'vitest';
import { type Script, writeScriptedGguf } from '../../../test/scripted/model.ts';
import plugin from '../src/index.ts';

const log: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };

/** The built-in model, relative to this repository. */
export const repository = new URL('../../..', import.meta.url).pathname;
export const tiny = 'models/backplane-tiny-Q8_0.gguf';

async function backend(): Promise<BackendKind> {
  let found: BackendKind | undefined;
  const take = (_: string, kind: BackendKind) => {
    found = kind;
  };
  const context = { backend: take, examine() {} } as unknown as PluginContext;
  await plugin.setup(context, {});
  return found as BackendKind;
}

/** An instance that has not been loaded. */
export async function create(options: Record<string, unknown>, directory = repository): Promise<Instance> {
  const kind = await backend();
  const checked = kind.options.parse({ path: tiny, ...options });
  return kind.create({ id: 'tiny', directory, options: checked }, { log, index: 0, isolation: 'inline' });
}

/** A running model, with its answers gathered. Unloaded when the test ends. */
export class Running {
  readonly instance: Instance;
  readonly facts: Facts;

  constructor(instance: Instance, facts: Facts) {
    this.instance = instance;
    this.facts = facts;
  }

  chat(user: string, request: Partial<ChatRequest> = {}, signal?: AbortSignal): Promise<Answer> {
    return gather(this.stream(user, request, signal));
  }

  stream(user: string, request: Partial<ChatRequest> = {}, signal?: AbortSignal): AsyncIterable<ChatEvent> {
    const messages = [{ role: 'user' as const, content: user }];
    const full: ChatRequest = { model: 'tiny', messages, temperature: 0, extra: {}, ...request };
    return (this.instance.chat as NonNullable<Instance['chat']>)(full, call(signal));
  }

  complete(prompt: CompletionRequest['prompt'], request: Partial<CompletionRequest> = {}): Promise<Answer> {
    const full: CompletionRequest = { model: 'tiny', prompt, temperature: 0, extra: {}, ...request };
    return gather((this.instance.complete as NonNullable<Instance['complete']>)(full, call()));
  }
}

export async function start(options: Record<string, unknown> = {}, directory?: string): Promise<Running> {
  const instance = await create(options, directory);
  return new Running(instance, await instance.load(new AbortController().signal));
}

/** A scripted model in a folder of its own. */
export async function startScripted(script: Script = {}, options: Record<string, unknown> = {}): Promise<Running> {
  const directory = await mkdtemp(join(tmpdir(), 'scripted-'));
  await writeScriptedGguf(join(directory, 'scripted.gguf'), script);
  const running = await start({ path: 'scripted.gguf', ...options }, directory);
  onTestFinished(async () => {
    await running.instance.unload();
    await rm(directory, { recursive: true });
  });
  return running;
}

export function call(signal: AbortSignal = new AbortController().signal): Call {
  const media = () => Promise.reject(new Error('no media in this test'));
  return { id: 'req_test', signal, log, media };
}

export interface Answer {
  readonly text: string;
  readonly events: readonly ChatEvent[];
  readonly started: Extract<ChatEvent, { type: 'started' }>;
  readonly finish: string;
  readonly usage: Usage;
}

export async function gather(stream: AsyncIterable<ChatEvent>): Promise<Answer> {
  const events: ChatEvent[] = [];
  for await (const event of stream) events.push(event);
  const one = <T extends ChatEvent['type']>(type: T) =>
    events.find((event) => event.type === type) as Extract<ChatEvent, { type: T }>;
  return {
    text: events.map((event) => (event.type === 'text' ? event.text : '')).join(''),
    events,
    started: one('started'),
    finish: one('finish').reason,
    usage: one('usage').usage,
  };
}

/** The failure that a promise ends in. */
export function failure(promise: Promise<unknown>): Promise<Failure> {
  return promise.then(
    () => Promise.reject(new Error('it succeeded')),
    (error: Failure) => error,
  );
}
