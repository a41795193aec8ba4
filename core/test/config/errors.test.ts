// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax under test

import { expect, test } from 'vitest';
import { boot } from '../../src/boot.ts';
import { booted, refusal, services } from './booted.ts';
import { backendSource, pluginSource } from './files.ts';

test('a misspelt key is shown where it stands, with the key that was meant', async () => {
  const yaml = `
models:
  - id: a
    backend: echo
    instnaces: 2
`;
  expect(await refusal(yaml)).toMatchInlineSnapshot(`
    "config.yaml:4:14  models[0].backend: there is no backend "echo": no loaded plugin contributes any
      3 |   - id: a
    > 4 |     backend: echo
        |              ^^^^
      5 |     instnaces: 2

    config.yaml:5:5  models[0].instnaces: unknown key "instnaces"; did you mean "instances"?
      4 |     backend: echo
    > 5 |     instnaces: 2
        |     ^^^^^^^^^"
  `);
});

test('everything that is wrong with the core, a plugin and a model comes in one go, in the order of the file', async () => {
  const yaml = `
server: { prot: 1, shutdown_grace: soon, body_limit: 3XB }
log: { level: inof }
plugins:
  - use: ./echo.ts
models:
  - id: a
    backend: ecko
    instances: 100
  - id: b
    backend: echo
    isolation: process
    options: { wrods: 3 }
  - backend: echo
    restart: { backoff: 1m, max_backoff: 1s }
    aliases: [a]
`;
  const files = { 'echo.ts': backendSource('echo', 'words: z.int().default(3)', "['inline', 'thread']") };
  expect(await refusal(yaml, files)).toMatchInlineSnapshot(`
    "config.yaml:2:11  server.prot: unknown key "prot"; did you mean "port"?
      1 |
    > 2 | server: { prot: 1, shutdown_grace: soon, body_limit: 3XB }
        |           ^^^^
      3 | log: { level: inof }

    config.yaml:2:36  server.shutdown_grace: must be a duration: 500ms, 30s, 5m, 1h, or a number of milliseconds
      1 |
    > 2 | server: { prot: 1, shutdown_grace: soon, body_limit: 3XB }
        |                                    ^^^^
      3 | log: { level: inof }

    config.yaml:2:54  server.body_limit: must be a size: 512KB, 32MB, 1GiB, or a number of bytes
      1 |
    > 2 | server: { prot: 1, shutdown_grace: soon, body_limit: 3XB }
        |                                                      ^^^
      3 | log: { level: inof }

    config.yaml:3:15  log.level: must be one of debug, info, warn, error, silent; did you mean "info"?
      2 | server: { prot: 1, shutdown_grace: soon, body_limit: 3XB }
    > 3 | log: { level: inof }
        |               ^^^^
      4 | plugins:

    config.yaml:8:14  models[0].backend: there is no backend "ecko": the loaded plugins contribute echo; did you mean "echo"?
      7 |   - id: a
    > 8 |     backend: ecko
        |              ^^^^
      9 |     instances: 100

    config.yaml:9:16  models[0].instances: must be at most 64
       8 |     backend: ecko
    >  9 |     instances: 100
         |                ^^^
      10 |   - id: b

    config.yaml:12:16  models[1].isolation: the backend "echo" runs inline or thread only
      11 |     backend: echo
    > 12 |     isolation: process
         |                ^^^^^^^
      13 |     options: { wrods: 3 }

    config.yaml:13:16  models[1].options.wrods: unknown key "wrods"; did you mean "words"?
      12 |     isolation: process
    > 13 |     options: { wrods: 3 }
         |                ^^^^^
      14 |   - backend: echo

    config.yaml:14:5  models[2].id: is missing; it must be text
      13 |     options: { wrods: 3 }
    > 14 |   - backend: echo
         |     ^^^^^^^^^^^^^
      15 |     restart: { backoff: 1m, max_backoff: 1s }

    config.yaml:16:15  models[2].aliases[0]: is the same as models[0].id in line 7; ids and aliases must all differ
      15 |     restart: { backoff: 1m, max_backoff: 1s }
    > 16 |     aliases: [a]
         |               ^"
  `);
});

test('a misspelt key of a plugin and one of a model come together, although plugins are then not set up', async () => {
  const yaml = `
plugins:
  - use: ./echo.ts
    config: { devcie: 0 }
models:
  - id: a
    backned: echo
`;
  const text = await refusal(yaml, { 'echo.ts': pluginSource('echo', "throw new Error('must not run')") });
  expect(text).toContain('plugins[0].config.devcie: unknown key "devcie"; did you mean "device"?');
  expect(text).toContain('models[0].backned: unknown key "backned"; did you mean "backend"?');
  expect(text).toContain('models[0].backend: is missing; it must be text');
  expect(text).not.toContain('must not run');
});

test('ids and aliases are unique over all models', async () => {
  const yaml = `
plugins: [./echo.ts]
models:
  - { id: a, backend: echo, aliases: [b] }
  - { id: b, backend: echo }
  - { id: c, backend: echo, aliases: [c] }
`;
  const text = await refusal(yaml, { 'echo.ts': backendSource('echo') });
  expect(text).toContain('config.yaml:5:11  models[1].id: is the same as models[0].aliases[0] in line 4');
  expect(text).toContain('models[2].aliases[0]: is the same as models[2].id in line 6');
});

test.each([
  ['a tab', 'server:\n\tport: 1\n', /config\.yaml:2:1 {2}not valid YAML: .*tab/i],
  ['an open bracket', 'models: [\n', /not valid YAML/],
  ['two documents', 'log: {}\n---\nlog: {}\n', /not valid YAML/],
  [
    'a variable in flow style without quotes',
    'server: { port: ${PORT} }\n',
    /inside \{ \} and \[ \] a variable needs quotes/,
  ],
  ['a list instead of a map', '- 1\n', /config\.yaml:1:1 {2}must be a map/],
  ['an alias of nothing', 'log:\n  level: *x\n', /config\.yaml:2:10 {2}log\.level: there is no &x before this alias/],
  ['a repeated key', 'log: {}\nserver: {}\nlog: {}\n', /config\.yaml:3:1 {2}log: this key is in line 1 already/],
])('%s is refused with its place', async (_, yaml, expected) => {
  expect(await refusal(yaml)).toMatch(expected);
});

test('aliases that multiply into millions of values are refused', async () => {
  const levels = 'abcdefghij'.split('');
  const yaml = levels.map((name, i) => `${name}: &${name} [x,${`*${levels[i - 1]},`.repeat(i && 10)}]`).join('\n');
  expect(await refusal(yaml)).toMatch(/[Ee]xcessive alias count/);
});

test('a file of nothing but unknown keys is refused in good time', async () => {
  const text = await refusal(Array.from({ length: 90_000 }, (_, i) => `k${i}: 1\n`).join(''));
  expect(text.match(/unknown key/g)).toHaveLength(20);
});

test('a byte order mark and Windows line ends do not shift the place', async () => {
  expect(await refusal('\uFEFFlog:\r\n  levle: info\r\n')).toBe(
    'config.yaml:2:3  log.levle: unknown key "levle"; did you mean "level"?\n  1 | log:\n> 2 |   levle: info\n    |   ^^^^^',
  );
});

test('a file above 1 MiB is refused before it is parsed', async () => {
  expect(await refusal(`# ${'x'.repeat(2 ** 20)}`)).toBe(
    'config.yaml:1:1  the file is larger than 1 MiB; a config file of that size is a mistake',
  );
});

test('a file that does not exist is a sentence', async () => {
  await expect(boot('nowhere/config.yaml', () => services())).rejects.toThrow(
    'nowhere/config.yaml:1:1  there is no such file',
  );
});

test('control characters and over-long lines of the file do not reach the terminal', async () => {
  const text = await refusal(`server: { prot: "${'y'.repeat(5_000)}" } # \u001b[31m\n`);
  expect(text).not.toContain('\u001b');
  expect(text.length).toBeLessThan(500);
});

test('no models and no plugins is a config too', async () => {
  expect((await booted('plugins: []\nmodels: []\n')).models).toEqual([]);
  expect((await booted('')).config.server.port).toBe(8787);
  expect((await booted('models:\n  # - id: later\n')).models).toEqual([]);
});

test('an address beyond loopback needs an auth scheme or a word that it is meant', async () => {
  expect(await refusal('server: { host: 0.0.0.0 }')).toContain('server.host: is reachable from other machines');
  expect((await booted('server: { host: 0.0.0.0, open: true }')).config.server.host).toBe('0.0.0.0');
});
