import { readFile } from 'node:fs/promises';
import { relayTasks } from '@backplane/core/sdk';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { endpoints, transcriptions } from '../../../core/src/http/endpoints.ts';
import plugin from '../src/index.ts';

const page = await readFile(new URL('../../../docs/vllm-proxy.md', import.meta.url), 'utf8');

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly default?: unknown;
}

function options(schema: Schema, prefix = ''): [name: string, fallback: unknown][] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, part]) => {
    const path = `${prefix}${name}`;
    if (part.properties) return options(part, `${path}.`);
    return [[path, part.default], ...options(part.items ?? {}, `${path}[].`)] as [string, unknown][];
  });
}

/** What the plugin contributes, and the names of what it measures. */
function contributed(): { readonly options: Schema; readonly metrics: readonly string[] } {
  const metrics: string[] = [];
  let schema: z.ZodType | undefined;
  const named = ({ name }: { readonly name: string }) => {
    metrics.push(name);
    return { labels: () => ({ inc() {} }), inc() {} };
  };
  const log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
  const context = {
    meter: { counter: named, gauge: named, histogram: named },
    backend(_name: string, kind: { options: z.ZodType; create(spec: object, host: object): unknown }) {
      schema = kind.options;
      const given = kind.options.parse({ upstreams: [{ url: 'http://127.0.0.1:1' }] });
      kind.create({ id: 'm', aliases: [], options: given }, { log });
    },
    examine() {},
  };
  void plugin.setup(context as unknown as Parameters<typeof plugin.setup>[0], {});
  return { options: z.toJSONSchema(schema as z.ZodType, { io: 'input' }) as Schema, metrics };
}

const { options: schema, metrics } = contributed();
const row = (name: string) => page.split('\n').find((line) => line.startsWith(`| \`${name}\` |`));

test('docs/vllm-proxy.md has a row for every option, with its default', () => {
  const all = options(schema);
  expect(all.length).toBeGreaterThan(20);
  for (const [name, fallback] of all) {
    expect(row(name), name).toBeDefined();
    if (fallback === undefined) continue;
    expect(row(name), name).toContain(`| \`${typeof fallback === 'string' ? fallback : JSON.stringify(fallback)}\` |`);
  }
  const rows = page.slice(page.indexOf('## Options'), page.indexOf('## Which')).matchAll(/^\| `([^`]+)` \|/gm);
  expect([...rows].map(([, name]) => name).sort()).toEqual(all.map(([name]) => name).sort());
});

test('it names every task, every route and every metric', () => {
  for (const task of relayTasks) expect(row('tasks'), task).toContain(`\`${task}\``);
  for (const { paths, task } of [...endpoints, transcriptions]) {
    const line = page.split('\n').find((line) => line.startsWith(`| \`${paths[0]}\``));
    for (const path of paths) expect(line, path).toContain(`\`${path}\``);
    expect(line).toContain(`\`${task}\``);
  }
  expect(metrics.length).toBeGreaterThan(4);
  for (const name of metrics) expect(row(`backplane_vllm_proxy_${name}`), name).toBeDefined();
});
