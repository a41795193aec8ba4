import { readdirSync } from 'node:fs';
import { conform, rules } from '@backplane/core/testing';
import { expect, test } from 'vitest';

/** Each has one fault, and the name of the rule that must find it. */
const broken = readdirSync(new URL('broken', import.meta.url)).map((file) => file.replace('.ts', ''));

test('there is a broken backend for every rule, so that none can pass by not looking', () => {
  expect(broken.toSorted()).toEqual(rules.map(({ name }) => name).toSorted());
});

for (const { name } of rules) {
  test(`the backend that breaks ${name} fails this rule and no other`, async () => {
    const plugin = new URL(`broken/${name}.ts`, import.meta.url).href;
    const { passed, results } = await conform(
      { plugin, backend: 'words', isolation: 'inline' },
      // One rule starts a process and a thread, which a busy machine takes its time for.
      { timeoutMs: 15_000, soonMs: 1_000 },
    );
    expect(results.filter(({ status }) => status === 'failed')).toMatchObject([
      { rule: name, why: expect.any(String) },
    ]);
    expect(passed).toBe(false);
  });
}
