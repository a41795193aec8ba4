import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { chat, stream } from '../chat.ts';
import { writeScriptedMlx } from '../scripted/mlx.ts';
import { scriptedAnswer, scriptedReasoning, scriptedText } from '../scripted/model.ts';
import { folder, type RunningServer, serve, tinyModel } from '../server.ts';
import { describeMlx, mlxConfig, mlxModel, tinyMlx } from './engine.ts';

interface Answer {
  readonly choices: readonly [
    { readonly message: { readonly content: string; readonly reasoning_content?: string }; finish_reason: string },
  ];
  readonly usage: { readonly prompt_tokens: number; readonly completion_tokens: number };
}

describeMlx('the scripted model in mlx_lm.server', () => {
  let directory: string;
  let server: RunningServer;
  beforeAll(async () => {
    directory = await folder({});
    const scripted = join(directory, 'scripted');
    await writeScriptedMlx(scripted);
    const modes = ['separate', 'raw', 'hidden', 'as-is'];
    server = await serve(
      mlxConfig(
        ...modes.map((mode) => mlxModel(mode, scripted, '', `reasoning: ${mode}`)),
        mlxModel('tiny', tinyMlx, '', 'defaults: { temperature: 0 }'),
        `  - { id: gguf, backend: llamacpp, defaults: { temperature: 0 }, options: { path: ${tinyModel} } }\n`,
      ).replace('"@backplane/mlx"', '"@backplane/mlx", "@backplane/llamacpp"'),
    );
  });
  afterAll(async () => {
    await server?.stop();
    await rm(directory, { recursive: true });
  });

  test.each([
    ['separate', scriptedAnswer, scriptedReasoning],
    ['raw', scriptedText, undefined],
    ['hidden', scriptedAnswer, undefined],
    ['as-is', scriptedText, undefined],
  ])('says what it says in llama.cpp, plain and streamed, with reasoning %s', async (model, content, reasoning) => {
    const { choices, usage } = (await (await chat(server.url, 'go', { model })).json()) as Answer;
    expect(choices[0].message.content).toBe(content);
    expect(choices[0].message.reasoning_content).toBe(reasoning);
    expect(choices[0].finish_reason).toBe('stop');

    const streamed = await stream(server.url, 'go', { model, stream_options: { include_usage: true } });
    const deltas = streamed.events.flatMap(({ choices }) => choices?.map(({ delta }) => delta) ?? []);
    expect(deltas.map(({ content }) => content ?? '').join('')).toBe(content);
    expect(deltas.map(({ reasoning_content }) => reasoning_content ?? '').join('')).toBe(reasoning ?? '');
    expect(streamed.events.at(-1)?.usage?.completion_tokens).toBe(usage.completion_tokens);
    expect(streamed).toMatchObject({ done: true, whole: true });
    expect(streamed.body).not.toContain('\ufffd');
  });

  test('is cut by max_tokens with finish_reason length', async () => {
    const { choices, usage } = (await (await chat(server.url, 'go', { model: 'raw', max_tokens: 3 })).json()) as Answer;
    expect(choices[0].finish_reason).toBe('length');
    expect(usage.completion_tokens).toBe(3);
    expect(scriptedText.startsWith(choices[0].message.content)).toBe(true);
  });

  test('ends before a stop string, wherever its tokens begin and end', async () => {
    const answer = (await (await chat(server.url, 'go', { model: 'separate', stop: ['ver rea'] })).json()) as Answer;
    expect(answer.choices[0].message.content).toBe('你好 世界 ser');
  });

  test('the built-in model answers from its MLX folder as it does from its GGUF', async () => {
    const [mlx, gguf] = await Promise.all(
      ['tiny', 'gguf'].map(
        async (model) => (await (await chat(server.url, 'What is Backplane?', { model })).json()) as Answer,
      ),
    );
    expect(mlx?.choices[0].message.content).toMatch(/^Backplane is /);
    expect(mlx?.choices[0]).toMatchObject(gguf?.choices[0] as object);
    expect(mlx?.usage.prompt_tokens).toBe(gguf?.usage.prompt_tokens);
  });

  test('completes a prompt', async () => {
    const response = await fetch(`${server.url}/v1/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'tiny', prompt: 'Backplane is', max_tokens: 4, temperature: 0 }),
    });
    const { choices, usage } = (await response.json()) as {
      choices: readonly [{ text: string; finish_reason: string }];
      usage: { completion_tokens: number };
    };
    expect(choices[0].text).not.toBe('');
    expect(choices[0].finish_reason).toBe('length');
    expect(usage.completion_tokens).toBe(4);
  });

  test('is told with its context length, its engine and no path', async () => {
    const text = await (await fetch(`${server.url}/v1/models/tiny`)).text();
    expect(JSON.parse(text)).toMatchObject({ id: 'tiny' });
    expect(text).toContain('2048');
    expect(text).toContain('mlx-lm 0.');
    expect(text).not.toContain('/models/');
  });
});
