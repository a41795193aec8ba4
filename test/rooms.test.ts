import { execFile } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, expect, test } from 'vitest';

const root = new URL('..', import.meta.url).pathname;
let planted: string | undefined;
afterEach(() => (planted ? rm(planted, { force: true }) : undefined));

/** Plants a file with one import and returns what the linter says of it. */
async function plant(path: string, source: string): Promise<string> {
  const file = join(root, path);
  planted = file;
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `import '${source}';\n`);
  const biome = join(root, 'node_modules/.bin/biome');
  return new Promise((resolve) =>
    execFile(biome, ['lint', '--colors=off', file], { cwd: root }, (_error, stdout, stderr) =>
      resolve(stdout + stderr),
    ),
  );
}

test.each([
  ['core/src/sdk/planted.ts', '../models/model.ts'],
  ['core/src/text/planted.ts', '../openai/sse.ts'],
  ['core/src/openai/planted.ts', '../http/server.ts'],
  ['core/src/http/planted.ts', '../kernel/kernel.ts'],
  ['core/src/kernel/planted.ts', '../http/server.ts'],
  ['core/src/models/planted.ts', '../http/server.ts'],
  ['core/src/instances/planted.ts', '../models/model.ts'],
  ['core/src/upstream/planted.ts', '../openai/sse.ts'],
  ['core/src/http/planted.ts', '../upstream/fleet.ts'],
  ['core/src/http/planted.ts', '../media/sniff.ts'],
  ['core/src/media/planted.ts', '../models/model.ts'],
  ['core/src/units/planted.ts', '../config/schema.ts'],
  ['core/src/kernel/planted.ts', 'yaml'],
  ['core/src/models/planted.ts', 'piscina'],
  ['core/src/http/planted.ts', 'tsyringe'],
  ['plugins/auth/src/planted.ts', '@backplane/llamacpp'],
  ['plugins/auth/src/planted.ts', '@backplane/core'],
  ['plugins/auth/src/planted.ts', '../../../core/src/http/server.ts'],
])('%s may not import %s', async (path, source) => {
  expect(await plant(path, source)).toContain('lint/style/noRestrictedImports');
});

test.each([
  ['core/src/http/planted.ts', '../models/model.ts'],
  ['plugins/auth/src/planted.ts', '@backplane/core/sdk'],
  ['plugins/auth/src/planted.ts', '@backplane/core/media'],
  ['plugins/auth/src/planted.ts', '@backplane/core/units'],
])('%s may import %s', async (path, source) => {
  expect(await plant(path, source)).not.toContain('noRestrictedImports');
});
