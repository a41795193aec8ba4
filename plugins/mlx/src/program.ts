import { readFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { Failure } from '@backplane/core/sdk';
import type { ServerProgram } from '@backplane/core/upstream';
import type { LmOptions } from './options.ts';
import { engineEnvironment, mayDownload, post } from './python.ts';

export const title = 'mlx_lm.server';

export interface Program {
  readonly interpreter: string;
  readonly options: LmOptions;
  /** Relative paths are relative to it. */
  readonly directory: string;
}

/** How `mlx_lm.server` is run, and how one can tell how it is. */
export async function serverProgram({ interpreter, options, directory }: Program): Promise<ServerProgram> {
  const folder = (path: string): string => resolve(directory, path);
  const model = options.path.startsWith('hf:') ? options.path.slice(3) : folder(options.path);
  const args = await argumentsOf(options, folder, model);
  return {
    title,
    command: (port) => ({
      file: interpreter,
      args: ['-m', 'mlx_lm', 'server', '--host', '127.0.0.1', '--port', String(port), ...args],
      environment: engineEnvironment(interpreter, mayDownload(options)),
    }),
    // It says so once the port is its own. Its /health answers while the model still loads, so that alone tells little.
    listening: (line, port) => line.includes(`Starting httpd at 127.0.0.1 on port ${port}.`),
    // It lives on after that, with nothing to do: a thread of it does not end.
    portTaken: (line) => line.includes('Address already in use'),
    fatal: (line) => {
      const reason = /generation thread died: (.*)/.exec(line)?.[1];
      return reason && `${title} could not go on: ${reason.replaceAll(model, basename(model))}`;
    },
    health: '/health',
    warmUp: (origin, signal) => warmUp(origin, signal),
    redact: redactor(),
    secrets: [process.env.HF_TOKEN ?? ''],
  };
}

async function argumentsOf(options: LmOptions, folder: (path: string) => string, model: string): Promise<string[]> {
  const { prompt_cache_size, adapter, draft_model, chat_template, trust_remote_code } = options;
  const args = ['--model', model, '--prompt-cache-size', String(prompt_cache_size)];
  // Else any web page could read what it says.
  args.push('--allowed-origins', 'http://127.0.0.1', '--log-level', 'INFO');
  if (adapter !== undefined) args.push('--adapter-path', folder(adapter));
  if (draft_model !== undefined) args.push('--draft-model', folder(draft_model));
  if (trust_remote_code) args.push('--trust-remote-code');
  if (chat_template !== undefined) {
    const text = await readFile(folder(chat_template), 'utf8').catch(() => {
      throw new Failure('backend_failed', `The chat template ${chat_template} cannot be read`);
    });
    args.push('--chat-template', text);
  }
  for (const [name, value] of Object.entries(options.arguments)) {
    if (value !== undefined) args.push(`--${name.replaceAll('_', '-')}`, String(value));
  }
  return args;
}

/** One token: only then is the model known to be loaded and to work. */
async function warmUp(origin: string, signal: AbortSignal): Promise<void> {
  const body = JSON.stringify({ model: 'default_model', prompt: 'a', max_tokens: 1 });
  const { status, text } = await post(`${origin}/v1/completions`, body, signal);
  if (status === 200) return;
  throw new Failure('backend_failed', `${title} did not make a first token (${status}): ${text.slice(0, 300)}`);
}

/** A request that it cannot read is written whole to its log: from there on lines are dropped until its next record. */
function redactor(): (line: string) => string | undefined {
  let dropping = false;
  return (line) => {
    const begins = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d|^\d+\.\d+\.\d+\.\d+ - - \[/.test(line);
    if (dropping && !begins) return undefined;
    const body = /^(.*?(?:Raw body|Request Body|Outgoing Response):)/.exec(line)?.[1];
    dropping = body !== undefined;
    return body === undefined ? line : `${body} …`;
  };
}
