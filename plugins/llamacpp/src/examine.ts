import { resolve } from 'node:path';
import type { Examination, Finding } from '@backplane/core/sdk';
import { checkModelFile } from './model-file.ts';
import type { Options } from './options.ts';

/** Whether the files of these models are there and are what they should be. */
export const examine: Examination = ({ models }) =>
  Promise.all(
    models.map(async ({ id, options, directory }): Promise<Finding> => {
      const { path } = options as Options;
      // Which file that is, only the download can tell.
      if (path.startsWith('hf:')) return { status: 'ok', what: `${id}: ${path} is fetched at the first start.` };
      try {
        const bytes = await checkModelFile(resolve(directory, path), path);
        return { status: 'ok', what: `${id}: ${path} is there, a GGUF file of ${(bytes / 1e6).toFixed(1)} MB.` };
      } catch (thrown) {
        return { status: 'problem', what: `${id}: ${thrown instanceof Error ? thrown.message : thrown}.` };
      }
    }),
  );
