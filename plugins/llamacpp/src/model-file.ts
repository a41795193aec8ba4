import { open, stat } from 'node:fs/promises';
import { Failure } from '@backplane/core/sdk';

/** Resolves to the size in bytes. Throws a sentence that names the file as config.yaml has it: `path`. */
export async function checkModelFile(file: string, path: string): Promise<number> {
  const found = await stat(file).catch(() => undefined);
  if (found === undefined) {
    throw new Failure(
      'backend_failed',
      `There is no model file ${path}: a relative path starts at the folder of config.yaml`,
    );
  }
  if (!found.isFile()) throw new Failure('backend_failed', `The model path ${path} is not a file`);
  const handle = await open(file).catch((error: unknown) => {
    throw new Failure('backend_failed', `The model file ${path} cannot be read`, { cause: error });
  });
  try {
    const magic = Buffer.alloc(4);
    await handle.read(magic, 0, 4, 0);
    if (magic.toString('latin1') !== 'GGUF') {
      throw new Failure('backend_failed', `The model file ${path} is not a GGUF file: it does not begin with "GGUF"`);
    }
  } finally {
    await handle.close();
  }
  return found.size;
}
