import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { configSchema } from '../../core/src/config/schema.ts';
import { folder } from '../server.ts';
import { command, root } from './command.ts';

const text = readFileSync(join(root, 'deploy/systemd/backplane.service'), 'utf8');

/** The values of a setting, which may be given more than once. */
const all = (name: string): string[] =>
  [...text.matchAll(new RegExp(`^${name}=(.*)$`, 'gm'))].map(([, value]) => value as string);
const one = (name: string): string => {
  const values = all(name);
  expect(values, name).toHaveLength(1);
  return values[0] as string;
};
const seconds = (name: string): number => Number(/^(\d+)s$/.exec(one(name))?.[1]);

describe('deploy/systemd/backplane.service', () => {
  test('runs what npm start runs, as a user of its own', () => {
    const args = one('ExecStart')
      .split(' ')
      .map((each) => each.replace('/opt/backplane/', ''));
    expect(args).toEqual(['node_modules/.bin/node', ...command.slice(1, -1), '/etc/backplane/config.yaml']);
    expect(one('User')).toBe('backplane');
  });

  test('gives running calls their time before SIGKILL, and sends SIGTERM to the server alone', () => {
    expect(seconds('TimeoutStopSec') * 1_000).toBeGreaterThan(configSchema.parse({}).server.shutdown_grace + 10_000);
    expect(one('KillSignal')).toBe('SIGTERM');
    expect(one('KillMode')).toBe('mixed');
  });

  test('starts again after a crash, and not when config.yaml is wrong', () => {
    expect(one('Restart')).toBe('on-failure');
    expect(one('RestartPreventExitStatus')).toBe('2');
  });

  test("opens Sophgo's devices, of a box and of a card, and no others", () => {
    expect(one('DevicePolicy')).toBe('closed');
    expect(all('DeviceAllow').map((each) => each.split(' ')[0])).toEqual([
      '/dev/bmdev-ctl',
      '/dev/bm-tpu0',
      '/dev/bm-sophon0',
      '/dev/ion',
    ]);
  });

  test('takes keys from files that others cannot read, and has none itself', () => {
    expect(all('EnvironmentFile')).toEqual(['-/etc/backplane/environment']);
    expect(all('Environment').join()).not.toMatch(/key|token|secret/i);
  });

  const analyze = spawnSync('systemd-analyze', ['--version']).status === 0;
  test.skipIf(!analyze)(
    `is a good unit to systemd-analyze${analyze ? '' : ' (skipped: it is not installed)'}`,
    async () => {
      const directory = await folder({});
      const unit = join(directory, 'backplane.service');
      await writeFile(unit, text.replaceAll('/opt/backplane/', root));
      expect(
        execFileSync('systemd-analyze', ['verify', unit], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }),
      ).toBe('');
      const exposure = execFileSync('systemd-analyze', ['security', '--offline=yes', '--no-pager', unit], {
        encoding: 'utf8',
      });
      // 0 is a service that can do nothing, 10 one that may do everything.
      expect(Number(/Overall exposure level for backplane\.service: ([\d.]+)/.exec(exposure)?.[1])).toBeLessThan(2.5);
      await rm(directory, { recursive: true });
    },
  );
});
