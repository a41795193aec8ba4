import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { jsonSchema } from '../../src/boot.ts';
import { booted } from './booted.ts';

const page = (name: string) => readFile(new URL(`../../../docs/${name}.md`, import.meta.url), 'utf8');

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly default?: unknown;
}

function keys(schema: Schema, prefix = ''): [key: string, fallback: unknown][] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, part]) =>
    part.properties ? keys(part, `${prefix}${name}.`) : [[`${prefix}${name}`, part.default]],
  );
}

test('docs/config.md has a row for every key of every section, with its default', async () => {
  const text = await page('config');
  const { server, log, memory, models } = (jsonSchema({ plugins: [], backends: new Map() }) as Required<Schema>)
    .properties;
  const all = [server, log, memory, models?.items].flatMap((section) => keys(section ?? {}));
  expect(all.length).toBeGreaterThan(25);
  for (const [key, fallback] of all) {
    const row = text.split('\n').find((line) => line.startsWith(`| \`${key}\` |`));
    expect(row, key).toBeDefined();
    if (fallback === undefined) continue;
    expect(row, key).toContain(`\`${typeof fallback === 'string' ? fallback : JSON.stringify(fallback)}\``);
  }
});

test('the plugin of docs/plugin.md boots with the config that stands under it', async () => {
  const text = await page('plugin');
  const block = (language: string) => new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, 's').exec(text)?.[1] ?? '';
  const { models } = await booted(block('yaml'), { 'echo.ts': block('ts') });
  expect(models[0]).toMatchObject({ id: 'echo', options: { words: 5 }, backendKind: { plugin: { name: 'echo' } } });
});
