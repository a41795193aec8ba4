import type { AuthScheme, Credentials, Examination, Finding, Log, PluginContext, Principal } from '@backplane/core/sdk';
import auth from '../src/index.ts';

export interface Loaded {
  readonly names: readonly string[];
  readonly schemes: readonly AuthScheme[];
  /** Everything the plugin logged, as JSON lines. */
  readonly log: readonly string[];
  /** What `backplane doctor` is told. */
  doctor(): Promise<readonly Finding[]>;
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
  let examination: Examination = async () => [];
  const context: Pick<PluginContext, 'log' | 'directory' | 'auth' | 'examine'> = {
    log,
    directory,
    auth: (name, scheme) => {
      names.push(name);
      schemes.push(scheme);
    },
    examine: (examine) => {
      examination = examine;
    },
  };
  await auth.setup(context as PluginContext, auth.config.parse(config));
  return {
    names,
    schemes,
    log: lines,
    doctor: () => examination({ models: [], signal: AbortSignal.timeout(1_000) }),
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
