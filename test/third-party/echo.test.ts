import { readFile, rm } from 'node:fs/promises';
import { conform } from '@backplane/core/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { chat, stream } from '../chat.ts';
import { folder, type RunningServer, serve } from '../server.ts';

const isolations = ['inline', 'thread', 'process'] as const;

/** The plugin that docs/plugin.md shows whole, as it stands there. */
const guide = await readFile(new URL('../../docs/plugin.md', import.meta.url), 'utf8');
const echo = /```ts\n([\s\S]*?)```/.exec(guide)?.[1] ?? '';

let server: RunningServer;
beforeAll(async () => {
  const models = isolations.map(
    (isolation) => `  - { id: ${isolation}, backend: echo, isolation: ${isolation}, options: { words: 5 } }`,
  );
  server = await serve(`plugins: [./echo.ts]\nmodels:\n${models.join('\n')}\n`, { files: { 'echo.ts': echo } });
});
afterAll(() => server.stop());

for (const isolation of isolations) {
  test(`a single file next to config.yaml serves chat in isolation ${isolation}`, async () => {
    const answer = (await (await chat(server.url, 'hello', { model: isolation })).json()) as object;
    expect(answer).toMatchObject({
      object: 'chat.completion',
      model: isolation,
      choices: [{ message: { role: 'assistant', content: 'word0 word1 word2 word3 word4 ' }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 1, completion_tokens: 5 },
    });
  });

  test(`a single file next to config.yaml streams chat in isolation ${isolation}`, async () => {
    const { text, done, events } = await stream(server.url, 'hello', { model: isolation, max_tokens: 2 });
    expect(text).toBe('word0 word1 ');
    expect(events.findLast(({ choices }) => choices?.[0])?.choices?.[0]?.finish_reason).toBe('length');
    expect(done).toBe(true);
  });

  test(`the plugin of the guide keeps every rule that applies to it in isolation ${isolation}`, async () => {
    const directory = await folder({ 'echo.ts': echo });
    const { results } = await conform({ plugin: `file://${directory}/echo.ts`, backend: 'echo', isolation, directory });
    await rm(directory, { recursive: true });
    expect(results.filter(({ status }) => status === 'failed')).toEqual([]);
  });
}
