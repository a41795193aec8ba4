import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import mediaPlugin from '@backplane/media';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { describeWithFfmpeg } from '../../core/test/media/clips.ts';
import { backplane, folder, type RunningServer, serve } from '../server.ts';
import { picture } from './ask.ts';
import { looker } from './looker.ts';

const text = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const block = (path: string, language: string): string =>
  new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, 's').exec(text(path))?.[1] ?? '';

const model = 'models: [{ id: m, backend: looker, isolation: inline }]';

let server: RunningServer;
beforeAll(async () => {
  server = await serve(`plugins: [./looker.ts]\n${model}\n`, { files: { 'looker.ts': looker } });
  await writeFile(join(server.directory, 'photo.jpg'), picture('rgb_128x96.jpg'));
});
afterAll(() => server?.stop());

test.each(['docs/media.md', 'plugins/media/README.md'])('the config of %s is a good one', async (path) => {
  const config = block(path, 'yaml').replace('plugins:', 'plugins:\n  - ./looker.ts');
  const cwd = await folder({ 'looker.ts': looker, 'config.yaml': `${config}\n${model}\n` });
  try {
    expect(await backplane(['check', 'config.yaml'], { cwd })).toMatchObject({ code: 0, stderr: '' });
  } finally {
    await rm(cwd, { recursive: true });
  }
});

test('the curl command of docs/media.md is answered by a model that sees', async () => {
  const program = block('docs/media.md', 'sh').replace('http://localhost:8787', server.url);
  const options = { cwd: server.directory, env: { ...process.env, API_KEY: 'none' } };
  const { stdout } = await promisify(execFile)('bash', ['-c', program], options);
  const { choices } = JSON.parse(stdout) as { choices: [{ message: { content: string } }] };
  expect(choices[0].message.content).toMatch(/^image\/jpeg 128x96 \w+\nWhat is in this picture\?$/);
});

describe('backplane doctor', () => {
  const doctor = async (path: string | undefined): Promise<string> => {
    const config = `plugins: [./looker.ts, "@backplane/media"]\n${model}\n`;
    const cwd = await folder({ 'looker.ts': looker, 'config.yaml': config });
    try {
      return (await backplane(['doctor', 'config.yaml'], { cwd, ...(path && { env: { PATH: path } }) })).stdout;
    } finally {
      await rm(cwd, { recursive: true });
    }
  };

  test('says what to do where ffmpeg is missing', async () => {
    expect(await doctor('/nowhere')).toMatch(/ffmpeg is not installed.*apt-get install ffmpeg/s);
  });

  describeWithFfmpeg('with ffmpeg', () => {
    test('names its version', async () => {
      expect(await doctor(undefined)).toMatch(/ffmpeg \d\S* decodes videos/);
    });
  });
});

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly default?: unknown;
}

function keys(schema: Schema, prefix = ''): [key: string, fallback: unknown][] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, part]) =>
    part.properties ? keys(part, `${prefix}${name}.`) : [[`${prefix}${name}`, part.default]],
  );
}

test("the plugin's README has a row for every setting, with its default", () => {
  const rows = text('plugins/media/README.md').split('\n');
  const all = keys(z.toJSONSchema(mediaPlugin.config, { io: 'input' }) as Schema);
  expect(all).toHaveLength(11);
  for (const [key, fallback] of all) {
    const row = rows.find((line) => line.startsWith(`| \`${key}\` |`));
    const shown = Array.isArray(fallback) ? (fallback.length > 0 ? `[${fallback.join(', ')}]` : 'none') : `${fallback}`;
    expect(row, key).toContain(`| ${shown === 'none' ? shown : `\`${shown}\``} |`);
  }
});
