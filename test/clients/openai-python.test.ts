import { readFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import type { RunningServer } from '../server.ts';
import { describeWithPython, type Ended, execute, python } from './python.ts';
import { key, serveGuarded, serveModels } from './served.ts';

const program = new URL('openai_sdk.py', import.meta.url).pathname;
const names = Array.from(readFileSync(program, 'utf8').matchAll(/^@check\("(.+)"\)$/gm), ([, name]) => name as string);

describeWithPython('OpenAI’s Python SDK', () => {
  let server: RunningServer;
  let ended: Ended;
  let lines: readonly string[];

  beforeAll(async () => {
    const [models, guarded] = await Promise.all([serveModels(), serveGuarded()]);
    server = models;
    ended = await execute(python, [program, server.url, guarded.url, key]);
    lines = ended.stdout.trim().split('\n');
  });

  test('runs every check to its end', () => {
    expect(ended.code, ended.stderr).toBe(0);
    expect(lines.map((line) => line.replace(/^(?:not )?ok |:.*/g, '')).sort()).toEqual(
      names.map((name) => name.replace(/:.*/, '')).sort(),
    );
    expect(names.length).toBeGreaterThan(25);
  });

  test.each(names)('%s', (name) => {
    expect(lines.find((line) => line.startsWith(`ok ${name}`) || line.startsWith(`not ok ${name}`))).toBe(`ok ${name}`);
  });

  test.each(['python-break', 'python-cancel'])('the call %s is logged as cancelled', async (id) => {
    expect(await server.line(({ request }) => request === id)).toMatchObject({ outcome: 'cancelled', status: 499 });
  });
});
