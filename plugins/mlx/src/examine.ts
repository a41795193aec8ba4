import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import type { Examination, ExaminedModel, Finding } from '@backplane/core/sdk';
import { readModelFolder } from './model-folder.ts';
import type { Options } from './options.ts';
import { cachedFolder, engineEnvironment, engineVersion, findPython } from './python.ts';

/** Whether the interpreters of these models have their engines, whether the models are there, and what reads sound. */
export const examine: Examination = async ({ models, signal }) => {
  const found: Finding[] = [];
  /** Interpreter and engine, as config.yaml names them -> the interpreter, where that engine is. */
  const environments = new Map<string, string | undefined>();
  for (const { options, directory } of models) {
    const { python, engine } = options as Options;
    const environment = nameOf(options as Options);
    if (environments.has(environment)) continue;
    environments.set(environment, undefined);
    found.push(
      await said(`The Python interpreter ${python}`, async () => {
        const interpreter = await findPython(python, directory);
        const version = await engineVersion(interpreter, python, signal, engine);
        environments.set(environment, interpreter);
        return `has ${engine} ${version}.`;
      }),
    );
  }
  for (const model of models) {
    const interpreter = environments.get(nameOf(model.options as Options));
    found.push(await modelFinding(model, interpreter, signal));
    if (hears(model.options as Options) && interpreter !== undefined)
      found.push(await soundFinding(model.id, interpreter));
  }
  return found;
};

function nameOf({ python, engine }: Options): string {
  return `${engine} in ${python}`;
}

function hears(options: Options): boolean {
  return options.engine === 'mlx-openai-server' && options.type === 'whisper';
}

/** mlx-whisper has ffmpeg decode what it is given, and finds out at the first call that it is not there. */
function soundFinding(id: string, interpreter: string): Promise<Finding> {
  return new Promise((settle) =>
    execFile('ffmpeg', ['-version'], { env: engineEnvironment(interpreter, false) }, (error) =>
      settle(
        error
          ? {
              status: 'problem',
              what: `${id}: there is no ffmpeg in PATH, so no recording can be read.`,
              fix: 'Install it: brew install ffmpeg, or apt-get install ffmpeg.',
            }
          : { status: 'ok', what: `${id}: ffmpeg is there.` },
      ),
    ),
  );
}

async function modelFinding(
  { id, options, directory }: ExaminedModel,
  interpreter: string | undefined,
  signal: AbortSignal,
): Promise<Finding> {
  const { path, allow_download } = options as Options;
  if (!path.startsWith('hf:')) {
    return said(`${id}: the model in ${path}`, async () => {
      await readModelFolder(resolve(directory, path), path);
      return 'is there.';
    });
  }
  const repo = path.slice('hf:'.length);
  if (interpreter === undefined) {
    return {
      status: 'warning',
      what: `${id}: whether ${repo} is in the cache cannot be told without its interpreter.`,
    };
  }
  if ((await cachedFolder(interpreter, repo, signal)) !== undefined) {
    return { status: 'ok', what: `${id}: ${repo} is in the Hugging Face cache.` };
  }
  if (allow_download)
    return { status: 'warning', what: `${id}: ${repo} is not in the cache; the first start fetches it.` };
  const fix = `Fetch it once: hf download ${repo} (hf is beside the interpreter), or set options.allow_download: true.`;
  return { status: 'problem', what: `${id}: ${repo} is not in the Hugging Face cache.`, fix };
}

/** What is well in its own words; what is not in those of the failure, which say what to do. */
async function said(subject: string, look: () => Promise<string>): Promise<Finding> {
  try {
    return { status: 'ok', what: `${subject} ${await look()}` };
  } catch (thrown) {
    return { status: 'problem', what: `${thrown instanceof Error ? thrown.message : thrown}.` };
  }
}
