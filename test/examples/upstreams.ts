import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, test } from 'vitest';
import { serve, tinyModel } from '../server.ts';

const environment = new URL('../../.cache/upstreams/bin/', import.meta.url).pathname;
const here = new URL('.', import.meta.url).pathname;
const installed = existsSync(`${environment}python`);
const required = process.platform === 'linux' && process.arch === 'x64' && process.env.CI === 'true';
const reason = 'needs the servers of .cache/upstreams: run npm run python';

/** An OpenAI-compatible server in a process of its own. */
export interface UpstreamServer {
  readonly url: string;
  stop(): Promise<unknown>;
}

/** What `startUpstream` starts here, for the names of tests. */
export const product = installed || required ? 'llama-server' : 'other Backplanes, where llama-server is not installed';

export interface UpstreamSettings {
  /** The model's name there. */
  readonly model: string;
  /** The key it asks for; absent: none. */
  readonly key?: string;
}

/** A real server with the built-in model: llama.cpp's own, or Backplane with the llamacpp plugin where that is missing. */
export async function startUpstream({ model, key }: UpstreamSettings): Promise<UpstreamServer> {
  if (installed || required) return startLlamaServer({ model, ...(key !== undefined && { key }) });
  const auth =
    key === undefined
      ? ''
      : `\n  - { use: "@backplane/auth", config: { schemes: [{ keys: [{ name: it, key: ${key} }] }] } }`;
  const { url, stop } = await serve(`plugins:${auth}
  - "@backplane/llamacpp"
models:
  - { id: "${model}", backend: llamacpp, defaults: { top_k: 1 }, options: { path: "${tinyModel}" } }`);
  return { url, stop };
}

/** llama.cpp's HTTP server. `rerank`: to score documents instead of writing. */
export async function startLlamaServer(
  settings: UpstreamSettings & { readonly rerank?: boolean },
): Promise<UpstreamServer> {
  if (!installed) throw new Error(reason);
  const script = join(here, 'llama_server.py');
  const child = spawn(`${environment}python`, [script, JSON.stringify({ path: tinyModel, ...settings })], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = tail(child);
  const url = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', resolve);
    child.once('close', () => reject(new Error(`llama-server ended:\n${said()}`)));
  });
  return { url, stop: () => ended(child) };
}

/** LiteLLM's proxy, with one model that is another server's. */
export async function startLiteLlm(
  behind: UpstreamSettings & { readonly url: string },
  key: string,
): Promise<UpstreamServer> {
  if (!installed) throw new Error(reason);
  const { model, url, key: its = 'unused' } = behind;
  const directory = await mkdtemp(join(tmpdir(), 'backplane-litellm-'));
  const settings = {
    model_list: [
      { model_name: model, litellm_params: { model: `openai/${model}`, api_base: `${url}/v1`, api_key: its } },
    ],
    general_settings: { master_key: key },
  };
  await writeFile(join(directory, 'config.yaml'), JSON.stringify(settings));
  const port = await freePort();
  const address = `http://127.0.0.1:${port}`;
  const child = spawn(
    `${environment}litellm`,
    ['--config', 'config.yaml', '--host', '127.0.0.1', '--port', String(port)],
    {
      cwd: directory,
      // It would ask the network for a list of prices.
      env: { ...process.env, LITELLM_LOCAL_MODEL_COST_MAP: 'True' },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const said = tail(child);
  while (!(await answers(`${address}/health/liveliness`))) {
    if (child.exitCode !== null) throw new Error(`LiteLLM ended:\n${said()}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return { url: address, stop: () => ended(child).then(() => rm(directory, { recursive: true, force: true })) };
}

/** `describe` for tests that need servers of .cache/upstreams: skipped with the reason where they cannot be had. */
export function describeWithUpstreams(name: string, tests: () => void): void {
  if (installed) describe(name, tests);
  else if (required) {
    test(name, () => {
      throw new Error(reason);
    });
  } else describe.skip(`${name} (${reason})`, tests);
}

function tail(child: ChildProcess): () => string {
  let text = '';
  const keep = (data: Buffer): void => {
    text = (text + data).slice(-2_000);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  return () => text;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const over = once(child, 'exit');
  child.kill('SIGTERM');
  const kill = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await over;
  clearTimeout(kill);
}

function answers(url: string): Promise<boolean> {
  return fetch(url).then(
    ({ ok }) => ok,
    () => false,
  );
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
