import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Source } from '../../core/src/config/source.ts';
import { backplane, folder } from '../server.ts';

let cwd: string;
beforeAll(async () => {
  cwd = await folder({});
});
afterAll(() => rm(cwd, { recursive: true }));

/** What the command prints for a file, which must be a config that `backplane check` finds nothing wrong with. */
async function imported(
  theirs: string,
): Promise<{ text: string; config: Record<string, unknown>; comments: string[] }> {
  await writeFile(join(cwd, 'theirs.yaml'), theirs);
  const { code, stdout, stderr } = await backplane(['import', 'mlx-openai-server', 'theirs.yaml'], { cwd });
  expect(stderr).toBe('');
  expect(code).toBe(0);
  await writeFile(join(cwd, 'config.yaml'), stdout);
  expect(await backplane(['check'], { cwd })).toMatchObject({ code: 0, stderr: '' });
  // Comments that were wrapped, joined again.
  const comments = stdout
    .replaceAll(/\n *# (?!theirs|Each|What|The|Made)/g, ' ')
    .split('\n')
    .flatMap((line) => /# (.*)/.exec(line)?.[1] ?? []);
  return { text: stdout, config: new Source('config.yaml', stdout, {}).at([]) as Record<string, unknown>, comments };
}

/** The models of a file of one, with these lines. */
async function model(lines: string) {
  const { config, comments } = await imported(`models:\n  - model_path: ./m\n${lines.replace(/^/gm, '    ')}\n`);
  const [made] = config.models as Record<string, unknown>[];
  return {
    made,
    options: made?.options as Record<string, unknown>,
    comments: comments.filter((line) => /:\d+:\d+ /.test(line)),
  };
}

test('the configuration of version 1.6, with its max_concurrency, becomes a config that is good', async () => {
  const { config, comments } = await imported(`
server:
  host: 0.0.0.0
  port: 8787
  log_level: INFO
  log_file: logs/server.log
models:
  - model_path: Qwen/Qwen3-14B-MLX-4bit
    model_type: lm
    served_model_name: qwen3-14b
    context_length: 32768
    max_concurrency: 2
    queue_size: 50
    queue_timeout: 120
    prompt_cache_size: 10
    default_max_tokens: 2048
    default_temperature: 0.7
  - model_path: mlx-community/gemma-3-12b-it-4bit
    model_type: lm
    served_model_name: gemma-3-12b
`);
  expect(config).toEqual({
    server: { host: '0.0.0.0', port: 8787, open: true },
    log: { level: 'info' },
    plugins: ['@backplane/mlx'],
    models: [
      {
        id: 'qwen3-14b',
        backend: 'mlx',
        queue: { size: 50, timeout: '120s' },
        reasoning: 'raw',
        defaults: { max_tokens: 2048, temperature: 0.7 },
        options: {
          python: './mlx',
          path: 'hf:Qwen/Qwen3-14B-MLX-4bit',
          context_length: 32768,
          slots: 2,
          prompt_cache_size: 10,
        },
      },
      {
        id: 'gemma-3-12b',
        backend: 'mlx',
        queue: { size: 100, timeout: '300s' },
        reasoning: 'raw',
        options: { python: './mlx', path: 'hf:mlx-community/gemma-3-12b-it-4bit' },
      },
    ],
  });
  expect(comments).toContainEqual(
    'theirs.yaml:6:3 log_file: has no equivalent: the log goes to standard output, and whoever starts Backplane says into which file.',
  );
  expect(comments).toContainEqual(expect.stringMatching(/^The old server asked for no key, and neither does this one/));
});

test('reasoning is told from text where a parser was named, and stays in it where none was', async () => {
  expect((await model('served_model_name: a')).made).toMatchObject({ reasoning: 'raw' });
  expect(await model('reasoning_parser: qwen3')).toMatchObject({
    made: { reasoning: 'separate' },
    comments: [expect.stringMatching(/model_path/)],
  });
  const { made, comments } = await model('reasoning_parser: harmony');
  expect(made).toMatchObject({ reasoning: 'separate' });
  expect(comments.join()).toMatch(
    /theirs\.yaml:3:5 reasoning_parser: only thinking between <think> and <\/think>.*harmony/,
  );
});

test('settings of the engine go to the options of the engine', async () => {
  const { options } = await model(
    'kv_bits: 8\nbatch_completion_size: 16\nbatch_prefill_size: 4\nbatch_prefill_step_size: 512\nprompt_cache_max_bytes: 1000000\ndisable_batching: true\nchat_template_file: chat.jinja',
  );
  expect(options).toMatchObject({
    slots: 1,
    chat_template: 'chat.jinja',
    arguments: {
      kv_bits: 8,
      decode_concurrency: 16,
      prompt_concurrency: 4,
      prefill_step_size: 512,
      prompt_cache_bytes: 1000000,
    },
  });
});

test.each([
  ['constructor: 2', /^theirs\.yaml:3:5 constructor: is no key of mlx-openai-server that is known here/],
  [
    'max_concurency: 2',
    /^theirs\.yaml:3:5 max_concurency: is no key of mlx-openai-server that is known here, and is left out\.$/,
  ],
  [
    'default_xtc_probability: 0.1',
    /^theirs\.yaml:3:5 default_xtc_probability: has no equivalent: XTC sampling is not served\.$/,
  ],
  ['tool_call_parser: qwen3', /^theirs\.yaml:3:5 tool_call_parser: has no equivalent: tool calls are read wherever/],
  ['kv_bits: 5', /^theirs\.yaml:3:5 kv_bits: is left out, since its value cannot be: /],
  ['context_length: "8k"', /^theirs\.yaml:3:5 context_length: is left out, since its value cannot be: .*number/],
])('what cannot be carried over is told in a comment, with its place: %s', async (line, sentence) => {
  const { comments } = await model(line);
  expect(comments).toContainEqual(expect.stringMatching(sentence));
});

test('a model that is loaded on demand is so here', async () => {
  expect((await model('on_demand: true')).made).toMatchObject({ on_demand: { idle_timeout: '60s' } });
  const { made } = await model('on_demand: true\non_demand_idle_timeout: 300');
  expect(made).toMatchObject({ on_demand: { idle_timeout: '300s' } });
  expect((await model('on_demand: false\non_demand_idle_timeout: 300')).made).not.toHaveProperty('on_demand');
});

test.each([
  'multimodal',
  'embeddings',
  'whisper',
])('a model of type %s goes on running in mlx-openai-server', async (type) => {
  const { made, options, comments } = await model(`model_type: ${type}\nkv_group_size: 32\ndisable_auto_resize: true`);
  expect(options).toEqual({
    engine: 'mlx-openai-server',
    type,
    python: './mlx-openai-server',
    path: './m',
    arguments: { kv_group_size: 32, disable_auto_resize: true },
  });
  expect(made?.reasoning).toBe(type === 'multimodal' ? 'raw' : undefined);
  expect(comments).toEqual([expect.stringMatching(/model_path/)]);
});

test('a key that is null is a key that is not there', async () => {
  const { made, comments } = await model('reasoning_parser: null\nkv_bits: null\ndefault_seed: ~');
  expect(made).not.toHaveProperty('defaults');
  expect(made).toMatchObject({ reasoning: 'raw' });
  expect(comments).toHaveLength(1);
});

test('a model that cannot be served is left out, and said to be', async () => {
  const { config, comments } = await imported(
    'models:\n  - { model_path: org/flux, model_type: image-generation, served_model_name: flux }\n  - { served_model_name: nothing }\n  - model_path: org/m\n',
  );
  expect(config.models).toMatchObject([{ id: 'org/m' }]);
  expect(comments).toContainEqual('theirs.yaml:2:29 model_type: flux is left out: models of this type are not served.');
  expect(comments).toContainEqual('theirs.yaml:3:5 this model has no model_path and is left out.');
});

test('what is no such configuration is refused', async () => {
  await writeFile(join(cwd, 'theirs.yaml'), 'services: {}\n');
  const { code, stderr } = await backplane(['import', 'mlx-openai-server', 'theirs.yaml'], { cwd });
  expect(code).toBe(2);
  expect(stderr).toBe(
    'theirs.yaml cannot be imported: it is no configuration of mlx-openai-server: it has no list of models\n',
  );
});
