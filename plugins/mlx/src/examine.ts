import { resolve } from 'node:path';
import type { Examination, ExaminedModel, Finding } from '@backplane/core/sdk';
import { readModelFolder } from './model-folder.ts';
import type { Options } from './options.ts';
import { cachedFolder, engineVersion, findPython } from './python.ts';

/** Whether the interpreters of these models have their engine, and whether the models are there. */
export const examine: Examination = async ({ models, signal }) => {
  const found: Finding[] = [];
  const interpreters = new Map<string, string | undefined>();
  for (const { options, directory } of models) {
    const { python } = options as Options;
    if (interpreters.has(python)) continue;
    interpreters.set(python, undefined);
    const finding = await said(`The Python interpreter ${python}`, async () => {
      const interpreter = await findPython(python, directory);
      const version = await engineVersion(interpreter, python, signal);
      interpreters.set(python, interpreter);
      return `has mlx-lm ${version}.`;
    });
    found.push(finding);
  }
  for (const model of models) found.push(await modelFinding(model, interpreters, signal));
  return found;
};

async function modelFinding(
  { id, options, directory }: ExaminedModel,
  interpreters: ReadonlyMap<string, string | undefined>,
  signal: AbortSignal,
): Promise<Finding> {
  const { path, python, allow_download } = options as Options;
  if (!path.startsWith('hf:')) {
    return said(`${id}: the model in ${path}`, async () => {
      await readModelFolder(resolve(directory, path), path);
      return 'is there.';
    });
  }
  const repo = path.slice('hf:'.length);
  const interpreter = interpreters.get(python);
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
