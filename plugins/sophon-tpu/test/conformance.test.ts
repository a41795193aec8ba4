import { testConformance } from '@backplane/core/testing';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { describeNative, standIn } from './native/setup.ts';
import { echoFolder } from './stand-in/qwen.ts';

/** The core's rules for backends, on the stand-in: they ask for more answers than the simulator could give in an hour. */
for (const [head, logits] of [
  ['a token', false],
  ['logits', true],
] as const) {
  const echo = await echoFolder({ prompt: 256, sequence: 512, logits });
  afterAll(() => echo.remove());
  describeNative(`a bmodel whose head gives ${head}`, () => {
    describe('keeps the rules', () => {
      const options = { model_dir: echo.path, libraries: '' };
      beforeAll(() => {
        options.libraries = standIn();
      });
      testConformance(
        {
          plugin: new URL('../src/index.ts', import.meta.url).href,
          backend: 'sophon',
          options,
          // It repeats the last byte of its prompt, which must be a character of its own.
          prompts: ['Who are you?', 'What is Backplane?'],
        },
        { test, after: afterAll },
      );
    });
  });
}
