import { expect, test } from 'vitest';
import { booted, refusal } from './booted.ts';
import { backendSource } from './files.ts';

test.each([
  ['500ms', 500],
  ['1.5s', 1_500],
  ['5m', 300_000],
  ['1h', 3_600_000],
  ['250', 250],
  ['0', 0],
])('the duration %s is %i milliseconds', async (written, expected) => {
  expect((await booted(`server: { shutdown_grace: ${written} }`)).config.server.shutdown_grace).toBe(expected);
});

test.each(['5 s', '-1', '1d', 's', '""', '[]', 'true'])('the duration %s is refused', async (written) => {
  expect(await refusal(`server: { shutdown_grace: ${written} }`)).toContain(
    'server.shutdown_grace: must be a duration',
  );
});

test('a duration that no timer can wait for is refused', async () => {
  expect(await refusal('server: { shutdown_grace: 1000h }')).toContain('at most 24 days');
  expect(await refusal('server: { keep_alive: 0 }')).toContain('server.keep_alive: must be longer than 0');
});

test.each([
  ['512', 512],
  ['1KB', 1_000],
  ['1KiB', 1_024],
  ['32MB', 32_000_000],
  ['0.5GiB', 536_870_912],
])('the size %s is %i bytes', async (written, expected) => {
  expect((await booted(`server: { body_limit: ${written} }`)).config.server.body_limit).toBe(expected);
});

test.each(['3XB', '-1', '1 MB', '99999999GiB'])('the size %s is refused', async (written) => {
  expect(await refusal(`server: { body_limit: ${written} }`)).toContain('server.body_limit: must be a size');
});

test('a model that says only what it must gets every default', async () => {
  const yaml = 'plugins: [./echo.ts]\nmodels: [{ id: 組織/模型 1, backend: echo }]';
  const { models } = await booted(yaml, { 'echo.ts': backendSource('echo') });
  const { backendKind, ...model } = models[0] ?? expect.fail();
  expect(backendKind.name).toBe('echo');
  expect(model).toEqual({
    id: '組織/模型 1',
    aliases: [],
    backend: 'echo',
    instances: 1,
    isolation: 'inline',
    queue: { size: 64, timeout: 60_000 },
    unsupported: 'refuse',
    defaults: {},
    timeout: 600_000,
    restart: { backoff: 500, max_backoff: 30_000, limit: 5, window: 300_000 },
    options: { words: 3 },
  });
});

test('a restart pause that may grow no longer than it begins is refused', async () => {
  const yaml = 'plugins: [./echo.ts]\nmodels: [{ id: a, backend: echo, restart: { backoff: 1m, max_backoff: 1s } }]';
  expect(await refusal(yaml, { 'echo.ts': backendSource('echo') })).toContain(
    'models[0].restart.max_backoff: must not be shorter than backoff',
  );
});

test('isolation is the first that the backend allows, or what the operator says', async () => {
  const files = { 'echo.ts': backendSource('echo', '', "['process', 'thread']") };
  const yaml = (rest: string) => `plugins: [./echo.ts]\nmodels: [{ id: a, backend: echo${rest} }]`;
  expect((await booted(yaml(''), files)).models[0]?.isolation).toBe('process');
  expect((await booted(yaml(', isolation: thread'), files)).models[0]?.isolation).toBe('thread');
});

test.each(['" a"', '"a "', '""', '"a\\tb"', `"${'x'.repeat(257)}"`])('the model id %s is refused', async (id) => {
  expect(await refusal(`models: [{ id: ${id}, backend: echo }]`)).toContain(
    'models[0].id: must be 1 to 256 characters',
  );
});

test('options that could not travel to a thread are refused, whose plugin made them is said', async () => {
  const files = { 'echo.ts': backendSource('echo', 'words: z.string().default("").transform(() => () => 1)') };
  expect(await refusal('plugins: [./echo.ts]\nmodels: [{ id: a, backend: echo }]', files)).toContain(
    "models[0].options: the plugin's schema makes something of this that no thread or process can receive",
  );
});

test('yaml anchors and aliases work, and errors point to where the value stands', async () => {
  const yaml = `
plugins: [./echo.ts]
models:
  - { id: a, backend: echo, options: &o { words: 5 } }
  - { id: b, backend: echo, options: *o }
`;
  const { models } = await booted(yaml, { 'echo.ts': backendSource('echo') });
  expect(models.map(({ options }) => options)).toEqual([{ words: 5 }, { words: 5 }]);
  expect(await refusal(yaml.replace('words: 5', 'words: no'), { 'echo.ts': backendSource('echo') })).toContain(
    'config.yaml:4:50  models[1].options.words: must be a number',
  );
});
