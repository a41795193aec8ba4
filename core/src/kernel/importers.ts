import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Importer } from '../sdk/index.ts';

/** An importer that an installed package declares. Nothing of the package has been run. */
export interface DeclaredImporter {
  readonly name: string;
  readonly package: string;
  load(): Promise<Importer>;
}

interface Manifest {
  readonly name?: string;
  readonly backplane?: { readonly importers?: Readonly<Record<string, string>> };
}

/** What the packages installed for a folder, or beside this core, can import. The nearest of two of one name counts. */
export async function findImporters(directory: string): Promise<readonly DeclaredImporter[]> {
  const found = new Map<string, DeclaredImporter>();
  for (const start of [resolve(directory), dirname(fileURLToPath(import.meta.url))]) {
    for (const folder of ancestors(start)) {
      for (const path of await packages(join(folder, 'node_modules'))) {
        for (const each of declared(await manifest(path), path)) if (!found.has(each.name)) found.set(each.name, each);
      }
    }
  }
  return [...found.values()];
}

function declared({ name = '', backplane }: Manifest, path: string): DeclaredImporter[] {
  return Object.entries(backplane?.importers ?? {}).map(([importer, subpath]) => ({
    name: importer,
    package: name,
    async load() {
      const why = await load(path, join(name, subpath)).catch((thrown) => thrown as Error);
      if (!(why instanceof Error)) return why;
      throw new Error(`The importer ${importer} of the package ${name} could not be loaded: ${why.message}`);
    },
  }));
}

async function load(path: string, specifier: string): Promise<Importer> {
  // By the package's own name, so that its `exports` decide which file that is.
  const file = createRequire(join(path, 'package.json')).resolve(specifier);
  const module = (await import(pathToFileURL(file).href)) as { readonly default?: Partial<Importer> };
  if (typeof module.default?.translate === 'function') return module.default as Importer;
  throw new Error('its module has no importer as its default export');
}

function ancestors(folder: string): string[] {
  const parent = dirname(folder);
  return parent === folder ? [folder] : [folder, ...ancestors(parent)];
}

/** The folders of the packages in a node_modules. */
async function packages(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  const nested = names.map(async (name) => {
    if (name.startsWith('.')) return [];
    if (!name.startsWith('@')) return [join(folder, name)];
    return (await readdir(join(folder, name)).catch(() => [])).map((inner) => join(folder, name, inner));
  });
  return (await Promise.all(nested)).flat();
}

async function manifest(path: string): Promise<Manifest> {
  try {
    return JSON.parse(await readFile(join(path, 'package.json'), 'utf8')) as Manifest;
  } catch {
    return {};
  }
}
