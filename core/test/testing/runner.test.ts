import { execFile } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { conform, rules, testConformance } from '@backplane/core/testing';
import { expect, test } from 'vitest';
import { folder } from '../../../test/server.ts';

const subject = (name: string) => ({ plugin: new URL(name, import.meta.url).href, backend: 'words' });

test('node:test runs the rules as tests of its own, and ends', async () => {
  const file = `
    import { after, test } from 'node:test';
    import { testConformance } from '@backplane/core/testing';
    testConformance(${JSON.stringify({ ...subject('words.ts'), isolation: 'thread' })}, { test, after });`;
  const directory = await folder({ 'words.test.ts': file });
  const args = ['--conditions=@backplane/source', '--test', '--test-reporter=tap', join(directory, 'words.test.ts')];
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const { stdout } = await promisify(execFile)(process.execPath, args, { env });
  expect(stdout).toContain(`# pass ${rules.length}`);
  await rm(directory, { recursive: true });
});

test('a rule that fails throws its sentence into the runner, and one that does not apply is skipped with its reason', async () => {
  const ran: { name: string; run: (context: { skip(why?: string): void }) => Promise<void> }[] = [];
  const closing: (() => Promise<void>)[] = [];
  testConformance(subject('broken/finish-is-last.ts'), {
    test: (name, run) => ran.push({ name, run }),
    after: (run) => closing.push(run),
  });
  const outcomes: string[] = [];
  for (const { name, run } of ran) {
    const skip = (why?: string) => void outcomes.push(`${name.split(':')[0]}: ${why}`);
    await run({ skip }).catch((thrown: Error) => outcomes.push(`${name.split(':')[0]} failed: ${thrown.message}`));
  }
  for (const close of closing) await close();
  expect(outcomes).toContain('finish-is-last failed: chat: text came after finish');
  expect(outcomes).toContain('usage-adds-up: it says nothing while finish-is-last does not hold');
});

test('a waived rule is not run, and its reason is in the report', async () => {
  const { passed, results } = await conform(subject('broken/embed-is-repeatable.ts'), {
    waived: { 'embed-is-repeatable': 'the engine embeds a batch as one text' },
  });
  expect(passed).toBe(true);
  expect(results.find(({ rule }) => rule === 'embed-is-repeatable')).toMatchObject({
    status: 'not applicable',
    why: 'waived: the engine embeds a batch as one text',
  });
});

test('a waiver for a rule that does not exist is an error, so that a renamed rule is not lost', async () => {
  await expect(conform(subject('words.ts'), { waived: { 'finish-is-lost': 'typo' } })).rejects.toThrow(
    'there is no rule "finish-is-lost" to waive',
  );
});

test('a subject that is wrong itself is an error with a sentence, not a report', async () => {
  await expect(conform({ ...subject('words.ts'), backend: 'word' })).rejects.toThrow(
    'plugin words contributes no backend "word"; it has: words',
  );
  await expect(conform({ ...subject('words.ts'), options: { speed: 3 } })).rejects.toThrow(/speed/);
  await expect(conform({ plugin: new URL('sound.ts', import.meta.url).href, backend: 'words' })).rejects.toThrow(
    'has no plugin as its default export',
  );
});

test('an instance that dies fails the rule that was running, with the reason, and the next rule gets a new one', async () => {
  const file = `
    import { broken } from ${JSON.stringify(new URL('sound.ts', import.meta.url).href)};
    export default broken((sound) => ({
      chat: (request, call) => {
        if (request.response_format) process.exit(7);
        return sound.chat(request, call);
      },
    }));`;
  const directory = await folder({});
  await writeFile(join(directory, 'mortal.ts'), file);
  const { results } = await conform({
    plugin: `file://${directory}/mortal.ts`,
    backend: 'words',
    isolation: 'process',
  });
  await rm(directory, { recursive: true });
  expect(results.filter(({ status }) => status === 'failed')).toMatchObject([
    { rule: 'json-mode-gives-json', why: 'the instance died: its process exited with code 7' },
  ]);
});
