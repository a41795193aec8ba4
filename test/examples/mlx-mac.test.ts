import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { tone } from '@backplane/core/testing';
import OpenAI, { toFile } from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { chat } from '../chat.ts';
import { mlxMacClients } from '../clients/mlx-mac.ts';
import { describeMlx, describeOpenaiServer, python, serverPython, tinyMlx } from '../mlx/engine.ts';
import { scriptedSpeech, writeScriptedWhisper } from '../scripted/whisper.ts';
import { folder, type RunningServer } from '../server.ts';
import { fitted, serveExample } from './example.ts';

describeMlx('examples/mlx-mac.yaml', () => {
  let server: RunningServer;
  beforeAll(async () => {
    const env = { MLX: python, QWEN3_14B: tinyMlx, MLX_OPENAI_SERVER: './not-installed' };
    // A model that cannot be loaded is tried again for 15 s; once is enough here.
    const once = (text: string) => text.replace(/^( +)on_demand: .*$/gm, '$&\n$1restart: { limit: 0 }');
    server = await serveExample('mlx-mac.yaml', env, (text) => once(fitted(text)));
  });
  afterAll(() => server?.stop());

  mlxMacClients(() => server);

  test('lists the five models of the document, of which all but the first wait for their first call', async () => {
    const reply = await fetch(`${server.url}/v1/models`);
    const { data } = (await reply.json()) as { data: { id: string; backplane: { state: string } }[] };
    expect(data.map(({ id, backplane }) => [id, backplane.state])).toEqual([
      ['qwen3-14b', 'ready'],
      ['gemma-3-12b', 'unloaded'],
      ['whisper-large-v3-turbo', 'unloaded'],
      ['qwen3-embedding-0.6b', 'unloaded'],
      ['qwen3-embedding-4b', 'unloaded'],
    ]);
  });

  test('a model whose engine is not installed says so, and the others go on', async () => {
    const refused = await chat(server.url, 'hello', { model: 'gemma-3-12b' });
    expect(refused.status).toBe(503);
    expect(await refused.text()).toContain('There is no ./not-installed');
    expect((await chat(server.url, 'hello', { model: 'qwen3-14b' })).status).toBe(200);
  });
});

describeOpenaiServer("examples/mlx-mac.yaml's other engine", () => {
  let directory: string;
  let server: RunningServer;
  let openai: OpenAI;
  beforeAll(async () => {
    directory = await folder({});
    await writeScriptedWhisper(join(directory, 'whisper'));
    const env = { QWEN3_EMBEDDING_06B: tinyMlx, QWEN3_EMBEDDING_4B: tinyMlx, WHISPER: join(directory, 'whisper') };
    const all = { MLX: python, QWEN3_14B: tinyMlx, MLX_OPENAI_SERVER: serverPython, ...env };
    server = await serveExample('mlx-mac.yaml', all, fitted);
    openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'unused' });
  });
  afterAll(async () => {
    await server?.stop();
    await rm(directory, { recursive: true });
  });

  test.each(['qwen3-embedding-0.6b', 'qwen3-embedding-4b'])('%s is loaded by its first call', async (model) => {
    const { data } = await openai.embeddings.create({ model, input: '你好' });
    expect(data[0]?.embedding.length).toBeGreaterThan(8);
  }, 180_000);

  test('whisper-large-v3-turbo is loaded by its first call', async () => {
    const file = await toFile(tone(2), 'speech.wav');
    const { text } = await openai.audio.transcriptions.create({ model: 'whisper-large-v3-turbo', file });
    expect(text).toBe(scriptedSpeech);
  }, 180_000);
});
