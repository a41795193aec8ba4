import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Failure } from '@backplane/core/sdk';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readModelConfig } from '../src/model-config.ts';
import { Prompts } from '../src/prompt.ts';
import { templateSource, tokenizerJson } from './model.ts';

/** What the files of Qwen3-VL-4B-Instruct say, as far as they matter here. */
const vision = { num_position_embeddings: 2304, patch_size: 16, temporal_patch_size: 2, spatial_merge_size: 2 };
const config = {
  model_type: 'qwen3_vl',
  image_token_id: 151_655,
  video_token_id: 151_656,
  vision_start_token_id: 151_652,
  vision_end_token_id: 151_653,
  text_config: { vocab_size: 151_936, eos_token_id: 151_645 },
  vision_config: vision,
};
const preprocessor = {
  size: { longest_edge: 16_777_216, shortest_edge: 65_536 },
  ...{ patch_size: 16, temporal_patch_size: 2, merge_size: 2 },
  ...{ image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5] },
};
const generation = {
  ...{ do_sample: true, eos_token_id: [151_645, 151_643] },
  ...{ top_k: 20, top_p: 0.8, repetition_penalty: 1, temperature: 0.7 },
};
const whole: Readonly<Record<string, object | string>> = {
  'config.json': config,
  'generation_config.json': generation,
  'preprocessor_config.json': preprocessor,
  'tokenizer_config.json': { eos_token: '<|im_end|>', bos_token: null, chat_template: templateSource },
  'tokenizer.json': tokenizerJson,
};

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'backplane-model-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** Reads a folder of these files; undefined: the file is not there. */
async function read(changes: Readonly<Record<string, object | string | undefined>> = {}) {
  const files = Object.entries({ ...whole, ...changes });
  for (const [name, content] of files) {
    if (content === undefined) continue;
    await writeFile(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return readModelConfig(folder);
}

describe("a model's folder", () => {
  it('tells what prompts, pictures and sampling need', async () => {
    const model = await read();
    expect(model).toMatchObject({
      directory: folder,
      visionTokens: { image: 151_655, video: 151_656, start: 151_652, end: 151_653 },
      vocabulary: 151_936,
      tableSide: 48,
      stopIds: [151_645, 151_643],
      sampling: { temperature: 0.7, top_p: 0.8, top_k: 20, repetition_penalty: 1 },
      pixels: { minPixels: 65_536, maxPixels: 16_777_216 },
      dialect: 'hermes',
    });
    const { ids } = new Prompts(model).chat({ messages: [{ role: 'user', content: 'Hi' }] });
    expect([...ids]).toEqual([151_644, 872, 198, 13_048, 151_645, 198, 151_644, 77_091, 198]);
  });

  it('needs no files that only change defaults', async () => {
    const model = await read({ 'generation_config.json': undefined, 'preprocessor_config.json': undefined });
    expect(model).toMatchObject({ stopIds: [151_645], sampling: {}, pixels: { minPixels: 65_536 } });
  });

  it('may hold the chat template in a file of its own, which then counts', async () => {
    const own = '{{ messages[0].content }}!';
    const say = async (files: Readonly<Record<string, object | string>>) =>
      (await read(files)).chatTemplate.render({ messages: [{ role: 'user', content: 'hi' }] });
    expect(await say({ 'chat_template.json': { chat_template: own } })).toBe('hi!');
    expect(await say({ 'chat_template.jinja': 'jinja', 'chat_template.json': { chat_template: own } })).toBe('jinja');
  });
});

describe('a folder that cannot be used is named, with what to do', () => {
  it.each<[string, Readonly<Record<string, object | string | undefined>>, string]>([
    [
      'a file is missing',
      { 'tokenizer.json': undefined },
      "tokenizer.json is not there; copy it from the model's page",
    ],
    [
      'a file is a pointer',
      { 'tokenizer.json': 'version https://git-lfs.github.com/spec/v1' },
      'run git lfs pull there.',
    ],
    ['a file is cut short', { 'config.json': '{"image_token' }, 'config.json is not JSON.'],
    [
      'another kind of model',
      { 'config.json': { ...config, vision_config: { ...vision, patch_size: 14 } } },
      'config.json does not fit this plugin: vision_config.patch_size:',
    ],
    ['no vision', { 'config.json': { ...config, image_token_id: undefined } }, 'image_token_id:'],
    [
      'other colours',
      { 'preprocessor_config.json': { ...preprocessor, image_mean: [0.4, 0.5, 0.5] } },
      'image_mean.0:',
    ],
    ['no template', { 'tokenizer_config.json': {} }, 'there is no chat template: neither chat_template.jinja'],
    ['another tokenizer', { 'tokenizer.json': { model: { type: 'Unigram' } } }, 'model.type:'],
    ['a broken tokenizer', { 'tokenizer.json': { model: { type: 'BPE' } } }, 'tokenizer.json cannot be used:'],
  ])('%s', async (_, changes, sentence) => {
    const thrown = await read(changes).catch((error: unknown) => error);
    expect(thrown).toBeInstanceOf(Failure);
    expect(thrown).toMatchObject({ code: 'backend_failed' });
    expect((thrown as Failure).message).toContain(`The model folder ${folder} cannot be used: `);
    expect((thrown as Failure).message).toContain(sentence);
  });
});
