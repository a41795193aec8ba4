import { readFile } from 'node:fs/promises';
import { rules } from '@backplane/core/testing';
import { expect, test } from 'vitest';

const guide = await readFile(new URL('../../../docs/testing.md', import.meta.url), 'utf8');

test('docs/testing.md has every rule, in its order and in its words', () => {
  const rows = rules.map(
    ({ name, sentence, tasks }) => `| \`${name}\` | ${sentence} | ${tasks?.join(', ') ?? 'all'} |`,
  );
  const [, table = ''] = guide.split('| rule | what holds | tasks |\n| --- | --- | --- |\n');
  expect(table.split('\n\n')[0]?.split('\n')).toEqual(rows);
});
