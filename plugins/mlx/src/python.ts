import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { request } from 'node:http';
import { delimiter, dirname, join, resolve } from 'node:path';
import { Failure } from '@backplane/core/sdk';
import { childEnvironment } from '@backplane/core/upstream';

/** What a download needs of the environment; without one an engine gets none of it. */
const network = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy', 'SSL_CERT_FILE'];
const hub = ['HF_ENDPOINT', 'HF_TOKEN', 'HF_TOKEN_PATH'];

const versionOf = 'import importlib.metadata as m, sys; print(m.version(sys.argv[1]))';

/** How each engine comes into an environment. */
const recipes: Readonly<Record<string, string>> = {
  'mlx-lm': 'python3 -m venv mlx, mlx/bin/pip install mlx-lm ("mlx[cpu]" too on Linux), and set options.python to mlx',
  'mlx-openai-server':
    'with Python 3.11 or 3.12, python3 -m venv mlx-openai-server, mlx-openai-server/bin/pip install mlx-openai-server, and set options.python to mlx-openai-server',
};

/** The interpreter that `options.python` names: a name for the search path, a file, or a virtual environment's folder. */
export async function findPython(python: string, directory: string): Promise<string> {
  if (!python.includes('/')) return python;
  const path = resolve(directory, python);
  const found = await stat(path).catch(() => undefined);
  if (!found) {
    throw new Failure(
      'backend_failed',
      `There is no ${python}: options.python names no interpreter and no virtual environment`,
    );
  }
  return found.isDirectory() ? join(path, 'bin/python') : path;
}

/** The version of an engine's package that an interpreter has; a sentence with the cure when it has none. */
export async function engineVersion(
  interpreter: string,
  shown: string,
  signal: AbortSignal,
  distribution = 'mlx-lm',
): Promise<string> {
  const { code, out } = await run(interpreter, ['-c', versionOf, distribution], signal);
  signal.throwIfAborted();
  if (code === 'ENOENT' || code === 'EACCES') {
    throw new Failure(
      'backend_failed',
      `The Python interpreter ${shown} cannot be run: name one in options.python, or the folder of a virtual environment`,
    );
  }
  if (!/^\d/.test(out)) {
    throw new Failure(
      'backend_failed',
      `The Python interpreter ${shown} has no ${distribution}: ${recipes[distribution]}`,
    );
  }
  return out.trim();
}

/** Where the Hugging Face cache keeps a model that is there. */
export async function cachedFolder(
  interpreter: string,
  repo: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const find = 'import sys, huggingface_hub as h; print(h.try_to_load_from_cache(sys.argv[1], "config.json") or "")';
  const { out } = await run(interpreter, ['-c', find, repo], signal);
  const file = out.trim();
  return file.endsWith('/config.json') ? file.slice(0, -'/config.json'.length) : undefined;
}

/** Whether the engine may fetch its model. */
export function mayDownload({
  path,
  allow_download,
}: {
  readonly path: string;
  readonly allow_download: boolean;
}): boolean {
  return path.startsWith('hf:') && allow_download;
}

/** What an engine is given of the environment: nothing of this server's own, and the programs beside its interpreter. */
export function engineEnvironment(interpreter: string, download: boolean): Record<string, string> {
  const environment = childEnvironment(['HF_HOME', 'HF_HUB_CACHE', ...(download ? [...network, ...hub] : [])], {
    PYTHONUNBUFFERED: '1',
    // The working directory is nobody's package folder.
    PYTHONSAFEPATH: '1',
    TQDM_DISABLE: '1',
    HF_HUB_DISABLE_TELEMETRY: '1',
    ...(!download && { HF_HUB_OFFLINE: '1' }),
  });
  const own = interpreter.includes('/') ? [dirname(interpreter)] : [];
  return { ...environment, PATH: [...own, environment.PATH ?? ''].join(delimiter) };
}

/** Asks a server that has just been started. No `fetch`: it would not wait for a long download. */
export function post(url: string, body: string | Uint8Array, signal: AbortSignal, type = 'application/json') {
  const headers = { 'content-type': type, 'content-length': Buffer.byteLength(body) };
  return new Promise<{ readonly status: number; readonly text: string }>((resolve, reject) => {
    const asked = request(url, { method: 'POST', headers, signal }, async (response) => {
      let text = '';
      try {
        for await (const chunk of response.setEncoding('utf8')) text += chunk;
        resolve({ status: response.statusCode ?? 0, text });
      } catch (thrown) {
        reject(thrown);
      }
    });
    asked.once('error', reject);
    asked.end(body);
  });
}

export function run(
  interpreter: string,
  args: readonly string[],
  signal: AbortSignal,
): Promise<{ readonly code: unknown; readonly out: string }> {
  return new Promise((settle) =>
    execFile(
      interpreter,
      args,
      { env: childEnvironment(['HF_HOME', 'HF_HUB_CACHE']), timeout: 60_000, signal },
      (error, out) => settle({ code: error?.code ?? (error ? 1 : 0), out: error ? '' : out }),
    ),
  );
}
