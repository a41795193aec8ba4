import { writeFile } from 'node:fs/promises';
import { afterEach, expect, test } from 'vitest';
import { chat } from './chat.ts';
import { puppet, puppetConfig } from './puppet.ts';
import { type RunningServer, serve } from './server.ts';

/** A limiter that lets nobody in before the file `go` is there, and says what becomes of its grants. */
const ponderous = `
import { definePlugin } from '@backplane/core/sdk';
import { setTimeout as sleep } from 'node:timers/promises';
import { existsSync } from 'node:fs';
import { z } from 'zod';

export default definePlugin({
  name: 'ponderous',
  apiVersion: 1,
  config: z.strictObject({}),
  setup({ limit, log, directory }) {
    limit({
      async admit({ principal, model, operation }) {
        log.info({ who: principal.name, model, operation }, 'asked');
        while (!existsSync(directory + '/go')) await sleep(10);
        return { headers: { 'x-asked': 'yes' }, settle: (usage) => log.info({ usage: usage ?? null }, 'grant settled') };
      },
    });
  },
});
`;

let server: RunningServer;
afterEach(() => server.stop());

async function pondering(files: Record<string, string> = {}): Promise<void> {
  const config = puppetConfig().replace('plugins: [./puppet.ts]', 'plugins: [./puppet.ts, ./ponderous.ts]');
  server = await serve(config, { files: { 'puppet.ts': puppet, 'ponderous.ts': ponderous, ...files } });
}

test('a limiter is told who calls what, adds its headers to the reply, and hears what the call has used', async () => {
  await pondering({ go: '' });
  const answer = await chat(server.url, 'count 3');
  expect(answer.headers.get('x-asked')).toBe('yes');
  expect(await server.line(({ msg }) => msg === 'asked')).toMatchObject({
    who: 'anonymous',
    model: 'm',
    operation: 'chat',
  });
  expect(await server.line(({ msg }) => msg === 'grant settled')).toMatchObject({
    usage: { promptTokens: 10, completionTokens: 3 },
  });
});

test('a grant for a caller who has left while the limiter was thinking is settled all the same', async () => {
  await pondering();
  const gone = new AbortController();
  const left = chat(server.url, 'say x', {}, { signal: gone.signal }).catch(() => 'left');
  await server.line(({ msg }) => msg === 'asked');
  gone.abort();
  await left;
  await server.line(({ status }) => status === 499);
  await writeFile(`${server.directory}/go`, '');
  expect(await server.line(({ msg }) => msg === 'grant settled')).toMatchObject({ usage: null });
});
