import { expect, test } from 'vitest';
import { examine } from '../src/examine.ts';
import { repository, tiny } from './setup.ts';

const look = async (path: string) => {
  const model = { id: 'm', backend: 'llamacpp', options: { path }, directory: repository };
  return (await examine({ models: [model], signal: AbortSignal.timeout(10_000) }))[0];
};

test('the doctor is told that a model file is there', async () => {
  expect(await look(tiny)).toEqual({ status: 'ok', what: `m: ${tiny} is there, a GGUF file of 2.0 MB.` });
});

test.each([
  [
    'models/none.gguf',
    'm: There is no model file models/none.gguf: a relative path starts at the folder of config.yaml.',
  ],
  ['models', 'm: The model path models is not a file.'],
  ['package.json', 'm: The model file package.json is not a GGUF file: it does not begin with "GGUF".'],
])('and what is wrong with %s', async (path, what) => {
  expect(await look(path)).toEqual({ status: 'problem', what });
});
