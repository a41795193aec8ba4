import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { conform, tone } from '@backplane/core/testing';
import OpenAI, { toFile } from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { scriptedSpeech, writeScriptedWhisper } from '../scripted/whisper.ts';
import { folder, type RunningServer, serve } from '../server.ts';
import { describeOpenaiServer, mlxConfig, serverModel, serverPython } from './engine.ts';

const plugin = new URL('../../plugins/mlx/src/index.ts', import.meta.url).href;

describeOpenaiServer('transcriptions in mlx-openai-server', () => {
  let directory: string;
  let whisper: string;
  let server: RunningServer;
  beforeAll(async () => {
    directory = await folder({});
    whisper = join(directory, 'whisper');
    await writeScriptedWhisper(whisper);
    server = await serve(mlxConfig(serverModel('m', 'whisper', whisper)));
  }, 300_000);
  afterAll(async () => {
    await server?.stop();
    await rm(directory, { recursive: true });
  });

  function ask(fields: Readonly<Record<string, string | File>>): Promise<Response> {
    const form = new FormData();
    const all = { model: 'm', file: new File([tone(2) as Uint8Array<ArrayBuffer>], 'a.wav'), ...fields };
    for (const [name, value] of Object.entries(all)) form.append(name, value);
    return fetch(`${server.url}/v1/audio/transcriptions`, { method: 'POST', body: form });
  }

  test('have the text and the length of the recording', async () => {
    expect(await (await ask({})).json()).toEqual({ text: scriptedSpeech, usage: { type: 'duration', seconds: 2 } });
  });

  test('are text where text is asked for, which the engine itself gives as JSON', async () => {
    const response = await ask({ response_format: 'text', language: 'en', temperature: '0' });
    expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(await response.text()).toBe(`${scriptedSpeech}\n`);
  });

  test('reach the SDK', async () => {
    const openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'unused' });
    const file = await toFile(tone(2), 'speech.wav');
    expect((await openai.audio.transcriptions.create({ model: 'm', file })).text).toBe(scriptedSpeech);
  });

  test.each([
    'srt',
    'vtt',
    'verbose_json',
  ])('in %s, which the engine does not have, are refused by name', async (format) => {
    const response = await ask({ response_format: format });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { param: 'response_format' } });
  });

  test('of what is no recording are a 400, and no path of this machine', async () => {
    const response = await ask({ file: new File(['nothing is heard here'], 'a.wav') });
    expect(response.status).toBe(400);
    const said = await response.text();
    expect(said).toContain('the recording cannot be decoded');
    expect(said).not.toContain('/tmp');
  });

  test('keep the rules for backends', async () => {
    const options = { engine: 'mlx-openai-server', type: 'whisper', path: whisper, python: serverPython };
    const { results } = await conform({ plugin, backend: 'mlx', options }, { timeoutMs: 180_000 });
    expect(results.filter(({ status }) => status === 'failed')).toEqual([]);
    expect(results.filter(({ rule }) => rule === 'transcribes-a-recording')).toMatchObject([{ status: 'passed' }]);
  }, 300_000);

  test('of a model without weights fail at the start, not at the first call', async () => {
    const broken = join(directory, 'broken');
    await writeScriptedWhisper(broken);
    await rm(join(broken, 'weights.safetensors'));
    const other = await serve(mlxConfig(serverModel('m', 'whisper', broken, '', 'restart: { limit: 0 }')), {
      early: true,
    });
    await other.line(({ reason }) => /could not do a first task/.test(String(reason)));
    await other.stop();
  });
});
