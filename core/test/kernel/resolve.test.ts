import { expect, test } from 'vitest';
import { booted, refusal } from '../config/booted.ts';
import { pluginSource } from '../config/files.ts';

const installed = (name: string, exports: object, module: string) => ({
  [`node_modules/${name}/package.json`]: JSON.stringify({ name, type: 'module', exports }),
  [`node_modules/${name}/index.js`]: module,
});

test('a file next to a config.yaml outside the repository is a plugin, without a build', async () => {
  const { kernel, directory } = await booted('plugins: [./mine.ts]', { 'mine.ts': pluginSource('mine') });
  expect(kernel.plugins).toMatchObject([{ name: 'mine', use: './mine.ts' }]);
  expect(kernel.plugins[0]?.url).toMatch(/^file:\/\/.*\/mine\.ts$/);
  expect(kernel.plugins[0]?.url).toContain(directory);
});

test('a package that is installed next to config.yaml is a plugin', async () => {
  const files = installed('@acme/plugin', { '.': './index.js' }, pluginSource('acme'));
  const { kernel } = await booted('plugins: ["@acme/plugin"]', files);
  expect(kernel.plugins.map(({ name }) => name)).toEqual(['acme']);
});

test('a package is found under the conditions that node was started with', async () => {
  const exports = { '.': { '@backplane/source': './index.js', default: './missing.js' } };
  const { kernel } = await booted('plugins: [acme]', installed('acme', exports, pluginSource('acme')));
  expect(kernel.plugins.map(({ name }) => name)).toEqual(['acme']);
});

const found = (module: string) => ({ 'mine.ts': module });

test.each<[string, string, Record<string, string>, string]>([
  [
    'a package that is not installed',
    '"@acme/plugin/sub"',
    {},
    'plugins[0].use: "@acme/plugin/sub": the package is not installed in /etc/bp: run `npm install @acme/plugin` there',
  ],
  ['a file that is not there', './mine.ts', {}, 'plugins[0].use: "./mine.ts": there is no file /etc/bp/mine.ts'],
  [
    'a package without an entry',
    'acme',
    installed('acme', { './other': './index.js' }, ''),
    'the package is installed but does not export this: a plugin needs "exports" with a "default" entry for it',
  ],
  ['a module that throws', './mine.ts', found("throw new Error('no GPU')"), 'the plugin could not be imported: no GPU'],
  [
    'a module without a plugin',
    './mine.ts',
    found('export const plugin = 1'),
    'its default export must be what definePlugin',
  ],
  [
    'a plugin for a later core',
    './mine.ts',
    found(pluginSource('mine', '', 'apiVersion: 2')),
    'the plugin is written for version 2 of the plugin API, this core has 1: install a version of the core that fits',
  ],
  [
    'a plugin without a version',
    './mine.ts',
    found('export default { name: "x", setup() {} }'),
    'written for version undefined',
  ],
  ['a plugin with a name for no metric', './mine.ts', found(pluginSource('@acme/x')), 'the plugin has no usable name'],
  [
    'a plugin without a schema',
    './mine.ts',
    found(pluginSource('mine', '', 'config: {}')),
    'has no zod 4 schema in `config`',
  ],
  ['an after that is no list', './mine.ts', found(pluginSource('mine', '', "after: 'x'")), 'as a list of plugin names'],
  [
    'a plugin named twice',
    './mine.ts, { use: ./mine.ts }',
    found(pluginSource('mine')),
    'plugins[1].use: "./mine.ts": this is the plugin "mine", which plugins[0] loads already',
  ],
])('%s is refused with the way out', async (_, use, files, expected) => {
  expect(await refusal(`plugins: [${use}]`, files)).toContain(expected);
});

test('plugins that wait for each other are refused at one of them', async () => {
  const files = {
    'a.ts': pluginSource('a', '', "after: ['b']"),
    'b.ts': pluginSource('b', '', "after: ['a']"),
  };
  expect(await refusal('plugins: [./a.ts, ./b.ts]', files)).toContain(
    'config.yaml:1:11  plugins[0]: these plugins wait for each other: a after b after a',
  );
});
