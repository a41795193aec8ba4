import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stream } from './chat.ts';
import { scriptedAnswer, scriptedReasoning, scriptedText, writeScriptedGguf } from './scripted/model.ts';
import { folder, type RunningServer, serve } from './server.ts';

let directory: string;
beforeAll(async () => {
  directory = await folder({});
  await writeScriptedGguf(join(directory, 'scripted.gguf'));
});
afterAll(() => rm(directory, { recursive: true }));

describe.each(['process', 'thread', 'inline'])('the scripted model in %s', (isolation) => {
  let server: RunningServer;
  beforeAll(async () => {
    const entry = (reasoning: string) =>
      `  - { id: ${reasoning}, backend: llamacpp, isolation: ${isolation}, reasoning: ${reasoning}, options: { path: ${join(directory, 'scripted.gguf')} } }\n`;
    const models = ['separate', 'raw', 'hidden', 'as-is'].map(entry).join('');
    server = await serve(`plugins: ["@backplane/llamacpp"]\nmodels:\n${models}`);
  });
  afterAll(() => server.stop());

  test.each([
    ['separate', scriptedAnswer, scriptedReasoning],
    ['raw', scriptedText, undefined],
    ['hidden', scriptedAnswer, undefined],
    ['as-is', scriptedText, undefined],
  ])('says the same, plain and streamed, with reasoning %s', async (model, content, reasoning) => {
    const request = { model, messages: [{ role: 'user', content: 'go' }] };
    const plain = await fetch(`${server.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(request),
    });
    const { choices, usage } = (await plain.json()) as {
      choices: [{ message: { content: string; reasoning_content?: string } }];
      usage: { completion_tokens: number };
    };
    expect(choices[0].message.content).toBe(content);
    expect(choices[0].message.reasoning_content).toBe(reasoning);

    const streamed = await stream(server.url, 'go', { model, stream_options: { include_usage: true } });
    const deltas = streamed.events.flatMap(({ choices }) => choices?.map(({ delta }) => delta) ?? []);
    expect(deltas.map(({ content }) => content ?? '').join('')).toBe(content);
    expect(deltas.map(({ reasoning_content }) => reasoning_content ?? '').join('')).toBe(reasoning ?? '');
    expect(streamed.events.at(-1)?.usage?.completion_tokens).toBe(usage.completion_tokens);
    expect(streamed.body).not.toContain('\ufffd');
  });
});
