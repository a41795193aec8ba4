import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Failure } from '@backplane/core/sdk';
import type { Command } from '@backplane/core/upstream';
import type { Launch, Launched } from './engine.ts';
import type { OpenaiServerOptions } from './options.ts';
import { engineEnvironment, mayDownload, post, run } from './python.ts';

export const title = 'mlx-openai-server';
/** What the model is called there. */
export const served = 'm';

const launcher = fileURLToPath(new URL('../python/openai_server.py', import.meta.url));
/** Its own queue must never be what refuses: Backplane's stands in front. */
const queueSize = 10_000;
/** Seconds after which it gives up an answer; Backplane's own timeouts come first. */
const patience = 24 * 3_600;

/** Which keys a model may have in this version's configuration: its own dataclass knows. */
const askKeys = `
import dataclasses, json
from app.config import ModelEntryConfig
print(json.dumps([field.name for field in dataclasses.fields(ModelEntryConfig)]))
`;

/** `warmUp`: a first piece of work, which fits what the model is for. */
export async function launchOpenaiServer(
  launch: Launch<OpenaiServerOptions>,
  warmUp: { readonly path: string; readonly body: Uint8Array; readonly contentType?: string },
): Promise<Launched> {
  const { interpreter, options, signal } = launch;
  const keys = await keysOf(interpreter, launch.version, signal);
  // Its configuration, and what it writes by itself.
  const folder = await mkdtemp(join(tmpdir(), 'backplane-mlx-'));
  const entry = await modelEntry(launch, keys, folder).catch(async (thrown: unknown) => {
    await rm(folder, { recursive: true, force: true });
    throw thrown;
  });
  const command = async (port: number): Promise<Command> => {
    const file = join(folder, 'config.yaml');
    const server = { host: '127.0.0.1', port, log_level: 'INFO', no_log_file: true };
    // JSON is YAML too.
    await writeFile(file, JSON.stringify({ server, models: [entry] }), { mode: 0o600 });
    return {
      file: interpreter,
      args: [launcher, 'launch', '--config', file],
      environment: engineEnvironment(interpreter, mayDownload(options)),
      directory: folder,
    };
  };
  return {
    model: served,
    release: () => rm(folder, { recursive: true, force: true }),
    program: {
      title,
      command,
      // Its port opens when the model is loaded, and only this line says that the port is its own.
      listening: (line, port) => line.includes(`Uvicorn running on http://127.0.0.1:${port} `),
      portTaken: (line) => /address already in use/i.test(line),
      fatal: (line) => {
        const reason = /failed to initialize: (.*)/i.exec(line)?.[1];
        const { model_path: path } = entry;
        return reason && `${title} could not go on: ${reason.replaceAll(path, basename(path))}`;
      },
      health: '/health',
      async warmUp(origin, within) {
        const { status, text } = await post(origin + warmUp.path, warmUp.body, within, warmUp.contentType);
        if (status === 200) return;
        throw new Failure('backend_failed', `${title} could not do a first task (${status}): ${text.slice(0, 300)}`);
      },
      redact: redactor(),
      secrets: [process.env.HF_TOKEN ?? ''],
    },
  };
}

async function keysOf(interpreter: string, version: string, signal: AbortSignal): Promise<ReadonlySet<string>> {
  const { out } = await run(interpreter, ['-c', askKeys], signal);
  signal.throwIfAborted();
  try {
    const keys = new Set(JSON.parse(out) as string[]);
    if (['model_path', 'model_type', 'served_model_name'].every((key) => keys.has(key))) return keys;
  } catch {
    // Below.
  }
  throw new Failure(
    'backend_failed',
    `${title} ${version} cannot be run: it takes no configuration file as 1.7 and 1.8 do, or its packages do not fit together`,
  );
}

/** A model as this version's configuration has it: what it does not know is left out, unless the operator asked for it. `folder`: for its files. */
async function modelEntry(
  { options, directory, version }: Launch<OpenaiServerOptions>,
  keys: ReadonlySet<string>,
  folder: string,
): Promise<{ readonly model_path: string }> {
  for (const key of Object.keys(options.arguments)) {
    if (keys.has(key)) continue;
    throw new Failure('backend_failed', `options.arguments.${key} is no key of a model in ${title} ${version}`);
  }
  const at = (path: string | undefined): string | undefined => path && resolve(directory, path);
  const wanted = {
    model_type: options.type,
    served_model_name: served,
    context_length: options.type === 'lm' || options.type === 'multimodal' ? options.context_length : undefined,
    queue_size: queueSize,
    queue_timeout: patience,
    // Until 1.6.
    max_concurrency: options.slots,
    prompt_cache_size: options.prompt_cache_size,
    prompt_cache_dir: join(folder, 'prompts'),
    chat_template_file: at(options.chat_template),
    trust_remote_code: options.trust_remote_code,
    ...options.arguments,
  };
  const known = Object.entries(wanted).filter(([key, value]) => value !== undefined && keys.has(key));
  const { path } = options;
  return {
    model_path: path.startsWith('hf:') ? path.slice(3) : resolve(directory, path),
    ...Object.fromEntries(known),
  };
}

/**
 * Its tracebacks show the values of variables, prompts among them, and its errors what was wrong with which text: once it
 * serves, only what is a record passes, and of one about a failure no more than what failed.
 */
function redactor(): (line: string) => string | undefined {
  let serving = false;
  return (line) => {
    serving ||= line.includes('Uvicorn running on');
    if (!serving) return line;
    if (!/^(?:\d{4}-\d\d-\d\d \d\d:\d\d:\d\d|INFO:|WARNING:|ERROR:)/.test(line)) return undefined;
    // Its two processes write their records differently.
    const [, head, what] = /^(.*?\| (?:WARNING|ERROR|CRITICAL) +\| \S+) (?:\| ✦|-) ([^:({'"]*)/.exec(line) ?? [];
    return head === undefined ? line : `${head} ${what} …`;
  };
}
