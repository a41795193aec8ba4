import { join } from 'node:path';
import { Registry } from 'prom-client';
import { onTestFinished } from 'vitest';
import { type Boot, boot } from '../../src/boot.ts';
import { ConfigError } from '../../src/config/problem.ts';
import type { CoreServices } from '../../src/kernel/core-services.ts';
import type { Log, Meter } from '../../src/sdk/index.ts';
import { folder } from './files.ts';

export const silent: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };

export function services(log: Log = silent): Omit<CoreServices, 'directory'> {
  const registry = new Registry();
  return { log, registry: () => registry, meter: () => ({}) as Meter };
}

/** Boots a config.yaml of this text, with these files next to it. */
export async function booted(
  yaml: string,
  files: Readonly<Record<string, string>> = {},
  env: NodeJS.ProcessEnv = {},
): Promise<Boot> {
  const directory = await folder({ ...files, 'config.yaml': yaml });
  const result = await boot(join(directory, 'config.yaml'), () => services(), env);
  onTestFinished(() => result.kernel.dispose(1_000));
  return result;
}

/** What the operator reads when that boot fails, with the folder written as `/etc/bp`. */
export async function refusal(...from: Parameters<typeof booted>): Promise<string> {
  try {
    await booted(...from);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const directory = error.problems[0]?.file.replace(/\/config\.yaml$/, '') ?? '';
    return error.message.replaceAll(`${directory}/config.yaml`, 'config.yaml').replaceAll(directory, '/etc/bp');
  }
  throw new Error('the boot succeeded');
}
