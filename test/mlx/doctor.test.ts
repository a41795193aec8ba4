import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backplane, folder } from '../server.ts';
import { describeMlx, mlxConfig, mlxModel, python, tinyMlx } from './engine.ts';

interface Told {
  readonly found: readonly { by: string; status: string; what: string; fix?: string }[];
}

describe('backplane doctor for mlx', () => {
  let cwd: string;
  beforeAll(async () => {
    cwd = await folder({});
    // What is no Python and what has no mlx-lm, wherever this runs.
    await writeFile(join(cwd, 'bare'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
  });
  afterAll(() => rm(cwd, { recursive: true }));

  /** With further variables, where the first argument is no model. */
  async function doctor(...args: readonly (string | Record<string, string>)[]): Promise<Told['found']> {
    const models = args.filter((each) => typeof each === 'string');
    const env = args.find((each) => typeof each !== 'string') ?? {};
    await writeFile(join(cwd, 'config.yaml'), `server: { port: 0 }\n${mlxConfig(...models)}`);
    const { stdout } = await backplane(['doctor', '--json'], { cwd, env: { HF_HOME: cwd, ...env } });
    return (JSON.parse(stdout) as Told).found.filter(({ by }) => by === 'mlx');
  }
  const model = (its: string) => `  - { id: m, backend: mlx, options: { ${its} } }\n`;

  test.each([
    ['./nowhere', /^There is no \.\/nowhere: options\.python names no interpreter/],
    ['./bare', /^The Python interpreter \.\/bare has no mlx-lm: python3 -m venv mlx, mlx\/bin\/pip install mlx-lm/],
    ['no-such-python', /^The Python interpreter no-such-python cannot be run: name one in options\.python/],
  ])('says of the interpreter %s what to do', async (interpreter, sentence) => {
    const [finding] = await doctor(model(`path: ${tinyMlx}, python: ${interpreter}`));
    expect(finding).toMatchObject({ status: 'problem', what: expect.stringMatching(sentence) });
  });

  test('says what to do for the other engine', async () => {
    const [finding] = await doctor(model(`engine: mlx-openai-server, type: whisper, path: ${tinyMlx}, python: ./bare`));
    const sentence =
      'The Python interpreter ./bare has no mlx-openai-server: with Python 3.11 or 3.12, python3 -m venv';
    expect(finding).toMatchObject({ status: 'problem', what: expect.stringContaining(sentence) });
  });

  test('says that recordings need ffmpeg', async () => {
    // As much Python as the doctor asks for.
    await writeFile(join(cwd, 'python'), '#!/bin/sh\necho 1.8.1\n', { mode: 0o755 });
    const its = model(`engine: mlx-openai-server, type: whisper, path: ${tinyMlx}, python: ./python`);
    expect((await doctor({ PATH: dirname(process.execPath) }, its)).at(-1)).toEqual({
      by: 'mlx',
      status: 'problem',
      what: 'm: there is no ffmpeg in PATH, so no recording can be read.',
      fix: 'Install it: brew install ffmpeg, or apt-get install ffmpeg.',
    });
    await writeFile(join(cwd, 'ffmpeg'), '#!/bin/sh\n', { mode: 0o755 });
    expect((await doctor(its)).at(-1)).toMatchObject({ status: 'ok', what: 'm: ffmpeg is there.' });
  });

  test('says that a model is not there', async () => {
    const found = await doctor(model('path: ./no-model, python: ./bare'));
    expect(found[1]).toMatchObject({ status: 'problem', what: expect.stringMatching(/no MLX model in \.\/no-model/) });
  });

  describeMlx('with mlx-lm', () => {
    test('says which version an interpreter has, once for all models, and that the models are there', async () => {
      const found = await doctor(mlxModel('a', tinyMlx), mlxModel('b', tinyMlx));
      expect(found.map(({ status, what }) => [status, what.replaceAll(python, 'P').replaceAll(tinyMlx, 'M')])).toEqual([
        ['ok', expect.stringMatching(/^The Python interpreter P has mlx-lm \d+\.\d+\.\d+\.$/)],
        ['ok', 'a: the model in M is there.'],
        ['ok', 'b: the model in M is there.'],
      ]);
    });

    test('says what is not in the Hugging Face cache, and what is', async () => {
      const there = join(cwd, 'hub/models--org--here/snapshots/0');
      await mkdir(dirname(there), { recursive: true });
      await symlink(tinyMlx, there);
      await mkdir(join(cwd, 'hub/models--org--here/refs'));
      await writeFile(join(cwd, 'hub/models--org--here/refs/main'), '0');
      const found = await doctor(
        mlxModel('here', '"hf:org/here"'),
        mlxModel('gone', '"hf:org/gone"'),
        mlxModel('later', '"hf:org/gone"', 'allow_download: true'),
      );
      expect(found.slice(1)).toEqual([
        { by: 'mlx', status: 'ok', what: 'here: org/here is in the Hugging Face cache.' },
        {
          by: 'mlx',
          status: 'problem',
          what: 'gone: org/gone is not in the Hugging Face cache.',
          fix: expect.stringContaining('hf download org/gone'),
        },
        { by: 'mlx', status: 'warning', what: 'later: org/gone is not in the cache; the first start fetches it.' },
      ]);
    });
  });
});
