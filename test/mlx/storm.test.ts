import { execFileSync } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { residentBytes } from '@backplane/core/upstream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { chat, stream } from '../chat.ts';
import { writeScriptedMlx } from '../scripted/mlx.ts';
import { scriptedAnswer } from '../scripted/model.ts';
import { folder, serve } from '../server.ts';
import { describeMlx, engines, groupOf, mlxConfig, mlxModel, until } from './engine.ts';

describeMlx('two mlx_lm.servers under a model', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await folder({});
    await writeScriptedMlx(join(directory, 'scripted'));
  });
  afterAll(() => rm(directory, { recursive: true }));

  test(
    'that are killed in turn among 200 calls, a fifth of them left: every answer is whole or says that it is not',
    {
      timeout: 180_000,
    },
    async () => {
      const server = await serve(
        mlxConfig(
          mlxModel('m', join(directory, 'scripted'), '', 'instances: 2, restart: { backoff: 100ms, limit: 100 }'),
        ),
      );
      const groups = new Set<number>();
      const outcomes = { whole: 0, left: 0, failed: 0 };
      const one = async (number: number): Promise<void> => {
        const leaves = number % 5 === 0;
        if (number % 2 === 0) {
          const answer = await stream(server.url, 'go', {}, { onData: (_, hangUp) => leaves && hangUp() });
          if (leaves) outcomes.left++;
          else if (answer.done) {
            expect(answer).toMatchObject({ whole: true, text: scriptedAnswer, status: 200 });
            outcomes.whole++;
          } else {
            expect(answer.status === 200 ? answer.error?.code : answer.status).toSatisfy((how) =>
              ['backend_failed', 502, 503].includes(how as never),
            );
            outcomes.failed++;
          }
          return;
        }
        const answer = await chat(server.url, 'go', {}, leaves ? { signal: AbortSignal.timeout(20) } : {}).catch(
          () => {},
        );
        if (!answer) outcomes.left++;
        else if (answer.ok) {
          expect(await answer.json()).toMatchObject({ choices: [{ message: { content: scriptedAnswer } }] });
          outcomes.whole++;
        } else {
          expect([502, 503]).toContain(answer.status);
          outcomes.failed++;
        }
      };
      // Once around, so that what is loaded and cached is there; then what 200 calls leave behind can be seen.
      for (let number = 1; number <= 12; number++) await one(number);
      const baseline = await memory(server);
      Object.assign(outcomes, { whole: 0, left: 0, failed: 0 });
      let next = 0;
      const work = async (): Promise<void> => {
        while (next < 200) {
          const number = next++;
          if (number % 40 === 20) {
            // Whoever is there now; the other one serves on.
            await until(() => engines(server).length === 2);
            const [victim] = engines(server);
            groups.add(victim?.group as number);
            killed(victim?.pid as number);
          }
          await one(number);
        }
      };
      await Promise.all(Array.from({ length: 6 }, work));
      expect(outcomes.whole + outcomes.left + outcomes.failed).toBe(200);
      expect(outcomes.whole).toBeGreaterThan(100);
      expect(groups.size).toBe(5);
      for (const group of groups) expect(groupOf(group)).toEqual([]);
      // Nothing is held by calls that are over.
      await until(async () => (await chat(server.url, 'go')).ok);
      await until(() => engines(server).length === 2);
      // Some calls more, since garbage is collected when there is more of it.
      await until(async () => {
        await (await chat(server.url, 'go')).text();
        const rest = await memory(server);
        return rest.engines < baseline.engines * 1.25 && rest.backplane < baseline.backplane + 64e6;
      });
      const last = engines(server).map(({ group }) => group);
      expect(await server.stop()).toEqual({ code: 0, signal: null });
      for (const group of last) expect(groupOf(group)).toEqual([]);
    },
  );
});

function killed(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It went by itself since it was looked for.
  }
}

/** What the server and its engines have in memory, bytes. */
async function memory(server: {
  readonly pid: number;
}): Promise<{ readonly backplane: number; readonly engines: number }> {
  const groups = await residentBytes();
  const kilobytes = Number(execFileSync('ps', ['-o', 'rss=', '-p', String(server.pid)], { encoding: 'utf8' }));
  return {
    backplane: kilobytes * 1_024,
    engines: engines(server).reduce((sum, { group }) => sum + (groups.get(group) ?? 0), 0),
  };
}
