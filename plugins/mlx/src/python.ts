import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Failure } from '@backplane/core/sdk';
import { childEnvironment } from '@backplane/core/upstream';

const versionOf = 'import importlib.metadata as m; print(m.version("mlx-lm"))';

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

/** The version of mlx-lm that an interpreter has; a sentence with the cure when it has none. */
export async function engineVersion(interpreter: string, shown: string, signal: AbortSignal): Promise<string> {
  const { code, out } = await run(interpreter, ['-c', versionOf], signal);
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
      `The Python interpreter ${shown} has no mlx-lm: python3 -m venv mlx, mlx/bin/pip install mlx-lm ("mlx[cpu]" too on Linux), and set options.python to mlx`,
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

function run(
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
