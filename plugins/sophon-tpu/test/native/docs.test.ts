import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { faults } from '../../src/device-fault.ts';

const root = new URL('../../../..', import.meta.url).pathname;
const page = readFileSync(join(root, 'docs/sophon-native.md'), 'utf8');

test('the page of the addon lists every fault', () => {
  const section = page.slice(page.indexOf('## Faults'), page.indexOf('## For developers'));
  const listed = [...section.matchAll(/^\| `(\w+)` \|/gm)].map(([, fault]) => fault);
  expect(listed.sort()).toEqual([...faults].sort());
});

test('the page of the addon names variables, commands and files that exist', () => {
  const source = readFileSync(join(root, 'plugins/sophon-tpu/src/native.ts'), 'utf8');
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const variables = [...page.matchAll(/BACKPLANE_\w+/g)].map(([name]) => name);
  const commands = [...page.matchAll(/npm run ([\w:]+)/g)].map(([, name]) => name);
  const files = [...page.matchAll(/`((?:plugins|tools)\/[\w./-]+|native\/src)`/g)].map(([, name]) => name as string);
  for (const name of variables) expect(source).toContain(`process.env.${name}`);
  for (const name of commands) expect(scripts).toHaveProperty([name as string]);
  for (const name of files.filter((one) => !one.endsWith('.node'))) {
    expect(existsSync(join(root, name)) || existsSync(join(root, 'plugins/sophon-tpu', name)), name).toBe(true);
  }
  expect([variables.length, commands.length, files.length].every((count) => count > 1)).toBe(true);
});
