import { readFileSync } from 'node:fs';
import { type Prepared, prepare } from '../backplane.ts';
import { ConfigError } from '../config/problem.ts';
import type { Examination, Finding } from '../sdk/index.ts';
import { portTrouble, tryPort } from './port.ts';

/** What was found, and who looked: `core` or a plugin. */
export interface Diagnosis extends Finding {
  readonly by: string;
}

/** How long a plugin may look. ms. */
const patienceMs = 60_000;

/** Looks whether what config.yaml asks for can run here. Serves nothing and loads no model. */
export async function diagnose(file: string, env?: NodeJS.ProcessEnv): Promise<Diagnosis[]> {
  const found: Diagnosis[] = [{ by: 'core', ...nodeVersion() }];
  let prepared: Prepared;
  try {
    prepared = await prepare(file, env ? { env } : {});
  } catch (thrown) {
    if (!(thrown instanceof ConfigError)) throw thrown;
    const fix = 'Correct it; what the plugins need is looked at when all of the file is right.';
    return [...found, { by: 'core', status: 'problem', what: thrown.message, fix }];
  }
  const { config, kernel, models, mask } = prepared;
  found.push({
    by: 'core',
    status: 'ok',
    what: `${file} is right: ${models.length} ${models.length === 1 ? 'model' : 'models'}.`,
  });
  found.push({ by: 'core', ...(await port(config.server)) });
  const asked = kernel.examinations.map(async ({ plugin, examine }) => {
    const own = models.flatMap(({ id, backendKind, options }) =>
      backendKind.plugin.name === plugin
        ? [{ id, options, backend: backendKind.name, directory: prepared.directory }]
        : [],
    );
    const findings = await bounded(examine, own);
    return findings.map(({ what, fix, ...rest }) => ({
      by: plugin,
      ...rest,
      what: mask(what),
      ...(fix !== undefined && { fix: mask(fix) }),
    }));
  });
  found.push(...(await Promise.all(asked)).flat());
  await kernel.dispose(config.server.shutdown_grace);
  return found;
}

/** What a terminal shows. */
export function report(found: readonly Diagnosis[]): string {
  const lines = found.map(({ status, by, what, fix }) => {
    const text = [what, ...(fix === undefined ? [] : [`→ ${fix}`])].join('\n').replaceAll('\n', `\n${' '.repeat(9)}`);
    return `${status.padEnd(8)} ${by}: ${text}`;
  });
  const count = (wanted: Finding['status']) => found.filter(({ status }) => status === wanted).length;
  const [problems, warnings] = [count('problem'), count('warning')];
  const end = problems > 0 ? 'Not all of this can be served as it is.' : 'All of this can be served.';
  return `${lines.join('\n')}\n\n${end} Problems: ${problems}, warnings: ${warnings}.\n`;
}

async function bounded(
  examine: Examination,
  models: Parameters<Examination>[0]['models'],
): Promise<readonly Finding[]> {
  const signal = AbortSignal.timeout(patienceMs);
  const over = new Promise<never>((_, reject) =>
    signal.addEventListener('abort', () => reject(new Error(`it took longer than ${patienceMs / 1000} s`)), {
      once: true,
    }),
  );
  try {
    return await Promise.race([examine({ models, signal }), over]);
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    return [{ status: 'problem', what: `It could not be found out what this plugin needs: ${why}.` }];
  }
}

function nodeVersion(): Finding {
  const { engines } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    readonly engines: { readonly node: string };
  };
  const least = engines.node.replace('>=', '');
  const here = process.versions.node;
  const what = `This is Node.js ${here}, and ${least} or newer is needed`;
  return newer(here, least)
    ? { status: 'ok', what: `${what}.` }
    : {
        status: 'problem',
        what: `${what}.`,
        fix: `Install Node.js ${least.split('.')[0]}: https://nodejs.org/download`,
      };
}

/** Whether a version is at least another. */
function newer(version: string, least: string): boolean {
  return version.localeCompare(least, 'en', { numeric: true }) >= 0;
}

async function port({ host, port }: { readonly host: string; readonly port: number }): Promise<Finding> {
  try {
    await tryPort(host, port);
    return { status: 'ok', what: port === 0 ? 'Any free port will do.' : `Port ${port} on ${host} is free.` };
  } catch (thrown) {
    const { what, fix } = portTrouble(thrown) ?? {
      what: `Port ${port} on ${host} cannot be opened: ${thrown instanceof Error ? thrown.message : thrown}`,
      fix: 'set another server.host or server.port',
    };
    return { status: 'problem', what: `${what}.`, fix: `${fix.charAt(0).toUpperCase()}${fix.slice(1)}.` };
  }
}
