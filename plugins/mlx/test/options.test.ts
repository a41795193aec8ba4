import { expect, test } from 'vitest';
import { options } from '../src/options.ts';

test('a model is served by mlx_lm.server unless its options say otherwise', () => {
  expect(options.parse({ path: 'x' })).toMatchObject({ engine: 'mlx-lm', slots: 2 });
  expect(options.parse({ path: 'x', engine: 'mlx-openai-server' })).toMatchObject({ type: 'lm' });
});

test.each([
  ['disable_batching', 'options.slots: 1'],
  ['reasoning_parser', 'models[].reasoning'],
  ['queue_size', 'models[].queue'],
  ['model_path', 'options.path'],
  ['max_concurrency', 'options.slots'],
])('of mlx-openai-server’s own keys, %s is refused with what to say instead', (key, instead) => {
  const { error } = options.safeParse({ path: 'x', engine: 'mlx-openai-server', arguments: { [key]: true } });
  expect(error?.issues).toMatchObject([{ path: ['arguments', key], message: expect.stringContaining(instead) }]);
});

test.each(['adapter', 'draft_model'])('%s is for mlx_lm.server only', (name) => {
  expect(options.safeParse({ path: 'x', [name]: './y' }).success).toBe(true);
  expect(options.safeParse({ path: 'x', engine: 'mlx-openai-server', [name]: './y' }).success).toBe(false);
});
