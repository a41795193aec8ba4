import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/**
 * A folder outside the repository with these files in it, where plugins find the core and zod as if installed.
 * It is gone when the test ends.
 */
export async function folder(files: Readonly<Record<string, string>>): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'backplane-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  await mkdir(join(path, 'node_modules/@backplane'), { recursive: true });
  await symlink(join(root, 'core'), join(path, 'node_modules/@backplane/core'));
  await symlink(join(root, 'node_modules/zod'), join(path, 'node_modules/zod'));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(path, name)), { recursive: true });
    await writeFile(join(path, name), text);
  }
  return path;
}

/** A plugin module; `rest` are further fields of the plugin, as source text. */
export function pluginSource(name: string, setup = '', rest = ''): string {
  return `
import { definePlugin, token } from '@backplane/core/sdk';
import { z } from 'zod';
export default definePlugin({
  name: '${name}', apiVersion: 1, config: z.object({ device: z.int().default(0), key: z.string().optional() }),
  async setup(context, config) { ${setup} },
  ${rest}
});
`;
}

/** A plugin module with one backend of the same name. */
export function backendSource(name: string, options = 'words: z.int().default(3)', isolation = ''): string {
  const kind = `{ options: z.object({ ${options} }), ${isolation && `isolation: ${isolation},`}
    create: () => ({ load: async () => ({}), unload: async () => {} }) }`;
  return pluginSource(name, `context.backend('${name}', ${kind});`);
}
