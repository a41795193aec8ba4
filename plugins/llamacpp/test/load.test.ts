import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { create, failure, start, startScripted, tiny } from './setup.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'models-'));
  await writeFile(join(directory, 'notes.gguf'), 'these are notes and no model');
  await writeFile(join(directory, 'broken.gguf'), 'GGUF and then nothing that makes sense');
  await writeFile(join(directory, 'chat.jinja'), '{% for m in messages %}{{ m.content }}{% endfor %}');
});
afterAll(() => rm(directory, { recursive: true }));

const signal = () => new AbortController().signal;

test.each([
  ['missing.gguf', 'There is no model file missing.gguf'],
  ['notes.gguf', 'The model file notes.gguf is not a GGUF file'],
  ['broken.gguf', 'llama.cpp cannot load broken.gguf'],
  ['.', 'The model path . is not a file'],
])('%s fails with a sentence that names the path as it was configured', async (path, sentence) => {
  const instance = await create({ path }, directory);
  const error = await failure(instance.load(signal()));
  expect(error.message).toContain(sentence);
  expect(error.message).not.toContain(directory);
  await instance.unload();
});

test('a model that was never loaded can be unloaded', async () => {
  await (await create({})).unload();
});

test('a load that is aborted fails, and can be unloaded', async () => {
  const controller = new AbortController();
  const instance = await create({});
  const loading = failure(instance.load(controller.signal));
  controller.abort(new Error('shutting down'));
  await loading;
  await instance.unload();
});

test('a template file of the operator takes the place of the model’s own', async () => {
  const model = await startScripted({}, { chat_template: join(directory, 'chat.jinja') });
  expect(model.facts.dialect).toBe('plain');
  expect(model.facts.parameters).not.toContain('tools');
  expect((await model.chat('abc', { max_tokens: 1 })).started.promptTokens).toBe(3);
});

test('a template file that is not there fails with its name', async () => {
  const instance = await create({ chat_template: 'gone.jinja' });
  expect((await failure(instance.load(signal()))).message).toContain('The chat template gone.jinja cannot be read');
  await instance.unload();
});

test('unloading while calls run ends them with a failure and does not crash', async () => {
  const model = await start({ embeddings: true });
  const first = model.stream('Who are you?')[Symbol.asyncIterator]();
  const calls = Array.from({ length: 3 }, () => failure(model.chat('word '.repeat(600))));
  await first.next();
  await model.instance.unload();
  for (const error of await Promise.all(calls)) expect(error.code).toBe('shutting_down');
});

test('unloading that races with aborts leaves nothing behind, ten times over', async () => {
  for (let i = 0; i < 10; i++) {
    const model = await start();
    const controller = new AbortController();
    const calls = Array.from({ length: 4 }, () => failure(model.chat('word '.repeat(300), {}, controller.signal)));
    await new Promise((resolve) => setImmediate(resolve));
    controller.abort();
    await model.instance.unload();
    for (const error of await Promise.all(calls)) expect(['cancelled', 'shutting_down']).toContain(error.code);
  }
});

test('two models side by side do not feel each other being unloaded', async () => {
  const [one, two] = [await start({ path: tiny }), await start({ path: tiny })];
  const talking = two.chat('Who are you?');
  await one.instance.unload();
  expect((await talking).text).toContain('I am Tiny');
  await two.instance.unload();
});
