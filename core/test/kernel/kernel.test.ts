import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { z } from 'zod';
import type { LoadedPlugin } from '../../src/kernel/contributions.ts';
import { createKernel, SetupError } from '../../src/kernel/kernel.ts';
import {
  type BackendKind,
  type Log,
  type MediaLoader,
  type Meter,
  type Plugin,
  type PluginContext,
  registry,
  token,
} from '../../src/sdk/index.ts';

type Setup = (context: PluginContext) => void | Promise<void>;

function plugin(name: string, setup: Setup, after: readonly string[] = []): LoadedPlugin {
  const made: Plugin = { name, apiVersion: 1, after, config: z.object({}), setup };
  return { name, use: name, url: `file:///${name}.js`, plugin: made, config: {} };
}

const metrics = new Registry();
const warnings: string[] = [];
const log: Log = {
  debug() {},
  info() {},
  warn: (_, message) => void warnings.push(message),
  error() {},
  child: () => log,
};
const core = { log, directory: '/srv', registry: () => metrics, meter: () => ({}) as Meter };
const create = (...plugins: LoadedPlugin[]) => createKernel(plugins, core);

async function failuresOf(...plugins: LoadedPlugin[]): Promise<string[]> {
  const error = await create(...plugins).then(
    () => expect.fail('the setup succeeded'),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof SetupError)) throw error;
  return error.failures.map(({ plugin, reason }) => `${plugin.name}: ${(reason as Error).message}`);
}

const kind: BackendKind = { options: z.object({}), create: () => ({ load: async () => ({}), unload: async () => {} }) };
const loader = (...schemes: string[]): MediaLoader => ({ schemes, load: () => Promise.reject(new Error('unused')) });
const scheme = { challenge: 'Bearer', authenticate: () => undefined };

test('what plugins contribute is there, with the plugin it came from', async () => {
  const observer = () => {};
  const routes = async () => {};
  const examine = async () => [];
  const format = () => ({ status: 'up' });
  const kernel = await create(
    plugin('engine', (context) => context.backend('echo', kind)),
    plugin('rest', async (context) => {
      await Promise.resolve();
      context.auth('bearer', scheme);
      context.media(loader('data:'));
      context.observe(observer);
      context.routes(routes);
      context.examine(examine);
      context.health('brief', format);
    }),
  );
  expect(kernel.backends.get('echo')).toMatchObject({ name: 'echo', plugin: { name: 'engine' } });
  expect(kernel.schemes).toEqual([{ name: 'bearer', scheme }]);
  expect(kernel.loaders.map(({ schemes }) => schemes)).toEqual([['data:']]);
  expect(kernel.observers).toEqual([{ plugin: 'rest', observer }]);
  expect(kernel.routes).toEqual([{ plugin: 'rest', routes }]);
  expect(kernel.healthFormats.get('brief')).toEqual({ plugin: 'rest', format });
  expect(kernel.examinations).toEqual([{ plugin: 'rest', examine }]);
});

test('plugins are set up after those they name, one at a time', async () => {
  const seen: string[] = [];
  const slow = (name: string, after: string[]) =>
    plugin(
      name,
      async () => {
        seen.push(`${name}+`);
        await new Promise(setImmediate);
        seen.push(`${name}-`);
      },
      after,
    );
  const kernel = await create(slow('a', ['b']), slow('b', []));
  expect(seen).toEqual(['b+', 'b-', 'a+', 'a-']);
  expect(kernel.plugins.map(({ name }) => name)).toEqual(['b', 'a']);
});

test.each<[string, (context: PluginContext) => void]>([
  ['backend("late")', (context) => context.backend('late', kind)],
  ['auth("late")', (context) => context.auth('late', scheme)],
  ['media()', (context) => context.media(loader('late:'))],
  ['observe()', (context) => context.observe(() => {})],
  ['routes()', (context) => context.routes(async () => {})],
  ['provide()', (context) => context.provide(token('late'), () => 1)],
])('%s after setup is refused', async (call, late) => {
  let kept: PluginContext | undefined;
  await create(
    plugin('a', (context) => {
      kept = context;
    }),
  );
  expect(() => kept && late(kept)).toThrow(`the plugin "a" called ${call} after its setup`);
});

test('two plugins cannot contribute the same thing, and each is told who was first', async () => {
  const first = plugin('first', (context) => {
    context.backend('x', kind);
    context.auth('x', scheme);
    context.media(loader('http:', 'https:'));
    context.provide(token('x'), () => 1);
  });
  const failures = await failuresOf(
    first,
    plugin('b', (context) => context.backend('x', kind)),
    plugin('c', (context) => context.auth('x', scheme)),
    plugin('d', (context) => context.media(loader('ftp:', 'https:'))),
    plugin('e', (context) => context.provide(token('x'), () => 2)),
    plugin('f', (context) => context.provide(registry, () => new Registry())),
  );
  expect(failures).toEqual([
    'b: the backend "x" is contributed by the plugin "first" already',
    'c: there is an auth scheme "x" already',
    'd: there is a media loader for "https:" already',
    'e: the service "x" is provided by the plugin "first" already',
    'f: the service "registry" belongs to the core',
  ]);
});

test('a backend that is none is refused', async () => {
  const broken = (part: object) =>
    plugin(`p${JSON.stringify(part).length}`, (c) => c.backend('x', { ...kind, ...part }));
  expect(await failuresOf(broken({ create: 1 }))).toEqual([expect.stringContaining('the backend "x" has no create()')]);
  expect(await failuresOf(broken({ options: {} }))).toEqual([expect.stringContaining('no zod 4 schema in `options`')]);
  expect(await failuresOf(broken({ isolation: ['vm'] }))).toEqual([expect.stringContaining('inline, thread, process')]);
});

test('one failed setup does not keep the others from being tried, save those that stand on it', async () => {
  const tried: string[] = [];
  const fails = (name: string, after: string[] = []) =>
    plugin(
      name,
      () => {
        tried.push(name);
        throw new Error(`no ${name}`);
      },
      after,
    );
  expect(await failuresOf(fails('a'), fails('b', ['a']), fails('c', ['b']), fails('d'))).toEqual([
    'a: no a',
    'd: no d',
  ]);
  expect(tried).toEqual(['a', 'd']);
});

test('a failed setup undoes the plugins that were set up', async () => {
  const undone: string[] = [];
  await failuresOf(
    plugin('a', (context) => context.onDispose(() => void undone.push('a'))),
    plugin('b', (context) => {
      context.onDispose(() => void undone.push('b'));
      throw new Error('late');
    }),
  );
  expect(undone).toEqual(['b', 'a']);
});

test('shutdown tells the plugins first and then undoes them in reverse, once', async () => {
  const seen: string[] = [];
  const watch = (name: string) =>
    plugin(name, (context) => {
      context.signal.addEventListener('abort', () => seen.push(`${name} hears`));
      context.onDispose(() => void seen.push(`${name}1`));
      context.onDispose(async () => {
        await new Promise(setImmediate);
        seen.push(`${name}2`);
      });
    });
  const kernel = await create(watch('a'), watch('b'));
  await Promise.all([kernel.dispose(1_000), kernel.dispose(1_000)]);
  expect(seen).toEqual(['a hears', 'b hears', 'b2', 'b1', 'a2', 'a1']);
});

test('a disposer that throws or never ends is left behind, and a line says so', async () => {
  warnings.length = 0;
  const reached: string[] = [];
  const kernel = await create(
    plugin('last', (context) => context.onDispose(() => void reached.push('last'))),
    plugin('throws', (context) =>
      context.onDispose(() => {
        throw new Error('no');
      }),
    ),
    plugin('hangs', (context) => context.onDispose(() => new Promise(() => {}))),
  );
  await kernel.dispose(10);
  expect(reached).toEqual(['last']);
  expect(warnings).toEqual(['a disposer of the plugin "hangs" failed', 'a disposer of the plugin "throws" failed']);
});
