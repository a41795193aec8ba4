import type { AuthScheme, Credentials, Log, PluginContext, Principal } from '@backplane/core/sdk';
import auth from '../src/index.ts';

export interface Loaded {
  readonly names: readonly string[];
  readonly schemes: readonly AuthScheme[];
  /** Everything the plugin logged, as JSON lines. */
  readonly log: readonly string[];
  /** Asks the schemes in their order, as the core does. */
  ask(headers: Readonly<Record<string, string>>, duplicates?: readonly string[]): Principal | undefined;
}

/** Runs the plugin's own check of `config` and its own setup. */
export async function load(config: unknown, directory = '/nowhere'): Promise<Loaded> {
  const lines: string[] = [];
  const write = (level: string) => (fields: object, message: string) =>
    void lines.push(JSON.stringify({ level, ...fields, message }));
  const log: Log = {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: () => log,
  };
  const names: string[] = [];
  const schemes: AuthScheme[] = [];
  const context: Pick<PluginContext, 'log' | 'directory' | 'auth'> = {
    log,
    directory,
    auth: (name, scheme) => {
      names.push(name);
      schemes.push(scheme);
    },
  };
  await auth.setup(context as PluginContext, auth.config.parse(config));
  return {
    names,
    schemes,
    log: lines,
    ask: (headers, duplicates = []) => {
      const credentials: Credentials = { headers, duplicates: new Set(duplicates) };
      for (const scheme of schemes) {
        const principal = scheme.authenticate(credentials);
        if (principal !== undefined) return principal;
      }
      return undefined;
    },
  };
}
