import { createRequire } from 'node:module';
import { dirname, isAbsolute, resolve as resolvePath } from 'node:path';
import { pathToFileURL } from 'node:url';
import { apiVersion, type Plugin } from '../sdk/index.ts';

/** A plugin found and imported, not yet checked against its config. */
export interface ResolvedPlugin {
  /** File URL of the module. */
  readonly url: string;
  readonly plugin: Plugin;
}

/**
 * Finds what a `use:` names, as seen from config.yaml: a package installed there, or a file. Throws an Error whose
 * message says what to do.
 */
export async function resolvePlugin(use: string, configFile: string): Promise<ResolvedPlugin> {
  const file = resolvePath(configFile);
  const url = pathToFileURL(locate(use, file)).href;
  let module: { readonly default?: unknown };
  try {
    module = await import(url);
  } catch (error) {
    throw new Error(`the plugin could not be imported: ${firstLine(error)}`, { cause: error });
  }
  return { url, plugin: accept(module.default) };
}

function locate(use: string, file: string): string {
  const isPath = use.startsWith('.') || isAbsolute(use);
  try {
    return createRequire(file).resolve(use);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'MODULE_NOT_FOUND' && isPath) {
      throw new Error(`there is no file ${resolvePath(dirname(file), use)}`, { cause: error });
    }
    if (code === 'MODULE_NOT_FOUND') {
      const fix = `run \`npm install ${packageOf(use)}\` there, or write ./ before the name of a file`;
      throw new Error(`the package is not installed in ${dirname(file)}: ${fix}`, { cause: error });
    }
    if (code === 'ERR_PACKAGE_PATH_NOT_EXPORTED') {
      const fix = 'a plugin needs "exports" with a "default" entry for it';
      throw new Error(`the package is installed but does not export this: ${fix}`, { cause: error });
    }
    throw new Error(`the plugin cannot be found: ${firstLine(error)}`, { cause: error });
  }
}

function packageOf(use: string): string {
  return use
    .split('/')
    .slice(0, use.startsWith('@') ? 2 : 1)
    .join('/');
}

function accept(found: unknown): Plugin {
  const plugin = (found ?? {}) as Partial<Plugin>;
  if (typeof found !== 'object' || found === null || typeof plugin.setup !== 'function') {
    throw new Error('the module is no plugin: its default export must be what definePlugin() returns');
  }
  if (plugin.apiVersion !== apiVersion) {
    const fix = `install a version of the ${(plugin.apiVersion ?? 0) > apiVersion ? 'core' : 'plugin'} that fits`;
    throw new Error(
      `the plugin is written for version ${plugin.apiVersion} of the plugin API, this core has ${apiVersion}: ${fix}`,
    );
  }
  // Metric names begin with it.
  if (typeof plugin.name !== 'string' || !/^[a-z][a-z0-9_-]*$/.test(plugin.name)) {
    throw new Error('the plugin has no usable name: lower-case letters, digits, - and _, a letter first');
  }
  if (typeof plugin.config !== 'object' || plugin.config === null || !('_zod' in plugin.config)) {
    throw new Error(`the plugin "${plugin.name}" has no zod 4 schema in \`config\``);
  }
  if (
    plugin.after !== undefined &&
    !(Array.isArray(plugin.after) && plugin.after.every((name) => typeof name === 'string'))
  ) {
    throw new Error(`the plugin "${plugin.name}" must give \`after\` as a list of plugin names`);
  }
  return found as Plugin;
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? '';
}
