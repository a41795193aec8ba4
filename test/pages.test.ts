import { existsSync, readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Program, programsOf } from './clients/programs.ts';
import { describeWithPython, execute, python } from './clients/python.ts';
import { fitted, serveExample } from './examples/example.ts';
import { key as boxKey, serveBox } from './examples/sophon-se7.ts';
import { startUpstream, type UpstreamServer } from './examples/upstreams.ts';
import { describeMlx, python as mlx, tinyMlx } from './mlx/engine.ts';
import { folder, type RunningServer, serve } from './server.ts';
import { describeSophon } from './sophon/simulator.ts';

const root = new URL('..', import.meta.url).pathname;

const commands: Readonly<Record<string, readonly [command: string, file: string]>> = {
  sh: ['bash', 'program.sh'],
  bash: ['bash', 'program.sh'],
  shell: ['bash', 'program.sh'],
  python: [python, 'program.py'],
  javascript: [process.execPath, 'program.mjs'],
};

interface Page {
  readonly path: string;
  /** Says whether what it needs is here, as `describe` or one that skips; absent: `describe`. */
  readonly where?: (name: string, tests: () => void) => unknown;
  /** What a program and the start may take, ms; absent: what vitest gives. */
  readonly patience?: number;
  /** First lines of blocks that no test can run: what installs, starts another product, or needs its addresses. */
  readonly notPrograms: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Serves what the page tells of; what it started besides is added to `upstreams`. */
  start(upstreams: UpstreamServer[]): Promise<RunningServer>;
}

function pageText(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

/** What a program printed; of a stream that curl shows, which must be whole, its text. */
function textOf(output: string): string {
  const events = [...output.matchAll(/^data: (.*)$/gm)].map(([, data]) => data as string);
  if (events.length === 0) return output;
  expect(events.pop()).toBe('[DONE]');
  return events.map((data) => JSON.parse(data).choices[0]?.delta.content ?? '').join('');
}

async function upstream(upstreams: UpstreamServer[], model: string, key?: string): Promise<string> {
  const started = await startUpstream({ model, ...(key !== undefined && { key }) });
  upstreams.push(started);
  return started.url;
}

const key = 'sk-the-key-of-the-service';

const boxMedia = await folder({});
afterAll(() => rm(boxMedia, { recursive: true }));

const pages: readonly Page[] = [
  {
    path: 'README.md',
    notPrograms: ['npm ci && npm start'],
    start() {
      const config = pageText('config.yaml');
      return serve(config.replace('port: 8787', 'port: 0').replace('./models/', join(root, 'models/')));
    },
  },
  {
    path: 'docs/deployments/a-mlx-mac.md',
    where: describeMlx,
    notPrograms: ['npm ci', 'npm run -s backplane -- import', 'npm run -s backplane -- check', 'sed ', 'launchctl '],
    start: () => serveExample('mlx-mac.yaml', { MLX: mlx, QWEN3_14B: tinyMlx }, fitted),
  },
  {
    path: 'docs/deployments/b-vllm-api-key.md',
    notPrograms: ['vllm serve', 'export API_KEY'],
    env: { API_KEY: key },
    start: async (upstreams) =>
      serveExample('vllm-api-key.yaml', { API_KEY: key, VLLM_URL: await upstream(upstreams, 'ds', key) }),
  },
  {
    path: 'docs/deployments/c-three-upstreams.md',
    notPrograms: ['export API_KEY'],
    async start(upstreams) {
      const API_KEY = 'token-abc123';
      const host = (model: string) => upstream(upstreams, model, API_KEY);
      return serveExample('three-upstreams.yaml', {
        API_KEY,
        GENERAL_URL: await host('Qwen/Qwen3-14B'),
        TAIWAN_URL: await host('model/model_taiwan'),
        XIZANG_URL: await host('model/model_xizang'),
      });
    },
  },
  {
    path: 'docs/deployments/d-qwen3-32b.md',
    notPrograms: ['vllm serve', 'export VLLM_URL'],
    start: async (upstreams) => serveExample('qwen3-32b.yaml', { VLLM_URL: await upstream(upstreams, 'Qwen3-32B') }),
  },
  {
    path: 'docs/deployments/e-sophon-se7.md',
    where: describeSophon,
    patience: 180_000,
    notPrograms: ['git clone', 'export API_KEY', 'node_modules/.bin/node'],
    env: { API_KEY: boxKey, MEDIA_DIR: boxMedia },
    start: () => serveBox(boxMedia),
  },
];

function runPrograms({ path, notPrograms, env = {}, patience, start }: Page): void {
  let directory: string;
  let server: RunningServer;
  const upstreams: UpstreamServer[] = [];
  beforeAll(async () => {
    directory = await folder({});
    server = await start(upstreams);
  }, patience);
  afterAll(async () => {
    await server?.stop();
    await Promise.all(upstreams.map((each) => each.stop()));
    await rm(directory, { recursive: true });
  });

  const run = async ({ language, code }: Program): Promise<void> => {
    const [command, file] = commands[language] as readonly [string, string];
    const here = code.replaceAll(/127\.0\.0\.1:8(?:787|000|899)/g, new URL(server.url).host);
    expect(here, 'the address of the server').not.toBe(code);
    await writeFile(join(directory, file), here);
    const ended = await execute(command, [file], directory, env);
    expect(ended.code, ended.stderr).toBe(0);
    const said = textOf(ended.stdout);
    expect(said).not.toMatch(/"error"/);
    expect(said).toMatch(
      code.includes('What is Backplane?') ? /Backplane is a plugin-based microkernel runtime/ : /\S/,
    );
  };

  const blocks = programsOf(pageText(path)).filter(({ language }) => language in commands);
  const excluded = (block: Program) => notPrograms.some((line) => block.code.startsWith(line));
  const programs = blocks.filter((block) => !excluded(block));
  const name = ({ language, line }: Program) => [`${language}, line ${line}`] as const;

  test('are all blocks but those that start something else', () => {
    expect(blocks.filter(excluded)).toHaveLength(notPrograms.length);
    expect(new Set(programs.map(({ language }) => language))).toEqual(new Set(['bash', 'python', 'javascript']));
  });

  const plain = programs.filter(({ language }) => language !== 'python');
  test.each(plain.map((each) => [...name(each), each] as const))('%s', (_name, program) => run(program), patience);

  describeWithPython('with Python', () => {
    const inPython = programs.filter(({ language }) => language === 'python');
    test.each(inPython.map((each) => [...name(each), each] as const))('%s', (_name, program) => run(program), patience);
  });
}

for (const page of pages) {
  (page.where ?? describe)(`the programs of ${page.path}, as they stand there`, () => runPrograms(page));
}

test.each([
  ...pages.map(({ path }) => path),
  'docs/bench.md',
  'docs/vllm-proxy.md',
])('every page and file that %s names is there', (path) => {
  const links = [...pageText(path).matchAll(/\]\(([^)]+)\)/g)].map(([, link]) => link as string);
  expect(links.length).toBeGreaterThan(0);
  for (const link of links.filter((link) => !/^\w+:/.test(link))) {
    expect(existsSync(join(root, dirname(path), link)), link).toBe(true);
  }
});
