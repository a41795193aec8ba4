// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax under test

import { expect, test } from 'vitest';
import { booted, refusal } from './booted.ts';
import { pluginSource } from './files.ts';

const keeper = { 'keeper.ts': pluginSource('keeper') };
const withKey = (key: string) => `plugins: [{ use: ./keeper.ts, config: { key: '${key}' } }]`;

test.each([
  ['${A}', 'alpha'],
  ['<${A}-${B}>', '<alpha-beta>'],
  ['${NONE:-fallback}', 'fallback'],
  ['${EMPTY:-fallback}', 'fallback'],
  ['${NONE:-}', ''],
  ['${EMPTY}', ''],
  ['$$', '$'],
  ['$${A}', '${A}'],
  ['a$b', 'a$b'],
  ['${TRICK}', '${A} $& $1'],
  ['${DIGITS}', '0042'],
])('%s becomes %j', async (written, expected) => {
  const env = { A: 'alpha', B: 'beta', EMPTY: '', TRICK: '${A} $& $1', DIGITS: '0042' };
  const { kernel } = await booted(withKey(written), keeper, env);
  expect(kernel.plugins[0]?.config).toEqual({ device: 0, key: expected });
});

test('a variable alone may stand for a number, a boolean, a duration, or a size', async () => {
  const yaml = `server: { port: "\${PORT}", open: "\${OPEN}", shutdown_grace: "\${GRACE}", body_limit: "\${LIMIT}" }`;
  const { config } = await booted(yaml, {}, { PORT: '9000', OPEN: 'true', GRACE: '2s', LIMIT: '100' });
  expect(config.server).toMatchObject({ port: 9000, open: true, shutdown_grace: 2_000, body_limit: 100 });
});

test('a quoted number that no variable stands behind stays text', async () => {
  expect(await refusal('server: { port: "9000" }')).toContain('server.port: must be a number');
});

test('an unset variable is named once, with the way out', async () => {
  expect(await refusal('server:\n  port: ${PORT}\n')).toMatchInlineSnapshot(`
    "config.yaml:2:9  server.port: the environment variable PORT is not set; set it, or give a default: \${PORT:-default}
      1 | server:
    > 2 |   port: \${PORT}
        |         ^^^^^^^"
  `);
});

test('a variable that is written wrongly is not taken for text', async () => {
  expect(await refusal(withKey('${1A}'), keeper)).toContain('must begin `${NAME}`');
});

test('a value of the environment is never shown: not by the core, not by a plugin, not in the frame', async () => {
  const secret = 's3cr3t "quoted" (x+';
  const leaky = pluginSource('leaky').replace(
    'z.string().optional()',
    "z.string().refine(() => false, { error: (issue) => 'bad key ' + issue.input + ' ' + JSON.stringify(issue.input) })",
  );
  const yaml = `
log: { level: "\${SECRET}" }
plugins: [{ use: ./leaky.ts, config: { device: "\${SECRET}", key: "\${SECRET}" } }, "\${SECRET}"]
models: [{ id: "\${SECRET}", backend: "\${SECRET}", instances: "\${SECRET}", aliases: ["\${SECRET}"] }]
`;
  const text = await refusal(yaml, { 'leaky.ts': leaky }, { SECRET: secret });
  expect(text).toContain('bad key ${SECRET} "${SECRET}"');
  expect(text).toContain('plugins[1].use: "${SECRET}"');
  expect(text).not.toContain('s3cr3t');
});

test('what setup throws is masked as well, and so are short values', async () => {
  const files = { 'keeper.ts': pluginSource('keeper', "throw new Error('cannot use ' + config.key + ' at 10 of 10')") };
  const text = await refusal(withKey('${PIN}'), files, { PIN: '1' });
  expect(text).toContain('the setup of the plugin "keeper" failed: cannot use ${PIN} at 10 of 10');
});

test('a key that stands in the file itself is starred in frames and messages', async () => {
  const files = { 'keeper.ts': pluginSource('keeper', "throw new Error('cannot use ' + config.key)") };
  const text = await refusal('plugins: [{ use: ./keeper.ts, config: { key: "abc@123" } }]', files);
  expect(text).toContain('cannot use ***');
  expect(text).toContain('key: "*******"');
  expect(text).not.toContain('abc@123');
});
