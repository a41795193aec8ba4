import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe } from 'vitest';
import { standInModel } from '../../plugins/sophon-tpu/test/stand-in/model.ts';
import { type Exit, folder, type RunningServer, serve } from '../server.ts';

const root = new URL('../..', import.meta.url).pathname;
const plugin = join(root, 'plugins/sophon-tpu');
const able = existsSync(join(plugin, 'native/build/sophon.node')) && spawnSync('g++', ['--version']).status === 0;

/** Tests that need the addon, and neither a chip nor the simulator. */
export const describeStandIn = able
  ? describe
  : (name: string, tests: () => void) =>
      describe.skip(`${name} (skipped: no g++, or the addon is not built; npm run build:native builds it)`, tests);

/** Allocations of one instance: the memory of its networks, and what it asks for itself. */
export const allocationsOfInstance = 26;

const prompt = 64;
const sequence = 128;

/**
 * A Qwen3-VL without eyes: one layer, and a hidden state of 4 bytes. Since the stand-in copies the first input to all
 * outputs, its answer is the last token of the prompt, over and over.
 */
function echo(): Buffer {
  const t = (name: string, dtype: 'bf16' | 'i32', ...shape: number[]) => ({ name, dtype, shape });
  const kv = (length: number) => [t('k', 'bf16', 1, length, 1, 2), t('v', 'bf16', 1, length, 1, 2)];
  const layer = (length: number, seen: number, past: ReturnType<typeof kv>) => ({
    inputs: [
      t('hidden', 'bf16', 1, length, 2),
      t('positions', 'i32', 3, length),
      t('mask', 'bf16', 1, 1, length, seen),
      ...past,
    ],
    outputs: [t('hidden', 'bf16', 1, length, 2), ...kv(length)],
  });
  const embedding = (length: number) => ({
    inputs: [t('ids', 'i32', 1, length)],
    outputs: [t('hidden', 'bf16', 1, length, 2)],
  });
  const head = { inputs: [t('hidden', 'bf16', 1, 2)], outputs: [t('token', 'i32', 1, 1)] };
  return standInModel([
    { name: 'embedding', stages: [embedding(prompt)] },
    { name: 'embedding_cache', stages: [embedding(1)] },
    { name: 'block_0', stages: [layer(prompt, prompt, [])] },
    { name: 'block_cache_0', addressMode: 1, stages: [layer(1, sequence + 1, kv(sequence))] },
    { name: 'lm_head', stages: [head] },
  ]);
}

const config = {
  image_token_id: 151_655,
  video_token_id: 151_656,
  vision_start_token_id: 151_652,
  vision_end_token_id: 151_653,
  text_config: { vocab_size: 151_936, eos_token_id: 151_645 },
  vision_config: { num_position_embeddings: 2304, patch_size: 16, temporal_patch_size: 2, spatial_merge_size: 2 },
};

/** What the stand-ins saw, as plugins/sophon-tpu/test/stand-in/control.cc writes it. */
interface Report {
  readonly handles: number;
  readonly runtimes: number;
  readonly allocations: number;
  readonly breaches: Readonly<Record<string, number>>;
}

export interface StandInServer extends RunningServer {
  /** Replaces the orders of the stand-ins (control.h lists them). */
  order(...lines: readonly string[]): Promise<void>;
  /** Stops it; what was left on the device. */
  end(): Promise<Exit & { readonly report: Report }>;
}

const running = new Set<RunningServer>();

/** For tests that failed before they ended their server. */
export async function endRest(): Promise<void> {
  for (const server of running) await server.stop();
  running.clear();
}

/** A server whose models, `m` with this many instances, run on the stand-ins. */
export async function serveStandIn(instances: number, ...orders: readonly string[]): Promise<StandInServer> {
  const directory = await folder({});
  const libraries = join(root, '.cache/sophon/stand-in');
  const [model, control, report] = ['model', 'control', 'report'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  execFileSync('bash', [join(plugin, 'test/stand-in/build.sh'), libraries], { stdio: 'inherit' });
  await mkdir(model);
  const files = {
    'config.json': JSON.stringify(config),
    'tokenizer_config.json': '{}',
    'tokenizer.json': gunzipSync(readFileSync(join(plugin, 'test/goldens/tokenizer.json.gz'))),
    'chat_template.jinja': readFileSync(join(root, 'core/test/text/fixtures/qwen3vl.jinja')),
    'echo.bmodel': echo(),
  };
  for (const [name, content] of Object.entries(files)) await writeFile(join(model, name), content);
  const order = (...lines: readonly string[]) => writeFile(control, lines.join('\n'));
  await order(...orders);
  const options = `{ model_dir: ${model}, libraries: ${libraries} }`;
  const server = await serve(
    `plugins: ["@backplane/sophon-tpu"]\nlog: { level: debug }\nmodels:\n` +
      `  - { id: m, backend: sophon, instances: ${instances}, restart: { backoff: 100ms, max_backoff: 200ms, limit: 100 }, options: ${options} }\n`,
    { env: { STAND_IN_CONTROL: control, STAND_IN_REPORT: report }, early: orders.length > 0 },
  );
  running.add(server);
  const end = async () => {
    running.delete(server);
    const exit = await server.stop();
    const seen = JSON.parse(readFileSync(report, 'utf8')) as Report;
    await rm(directory, { recursive: true });
    return { ...exit, report: seen };
  };
  return { ...server, order, end };
}

/** Asks for a completion: its text, or the error of the answer. */
export async function ask(server: RunningServer, prompt: string, maxTokens = 3) {
  const response = await fetch(`${server.url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'm', prompt, max_tokens: maxTokens }),
  });
  const body = (await response.json()) as { choices?: [{ text: string }]; error?: { message: string } };
  return { status: response.status, text: body.choices?.[0].text, error: body.error?.message };
}

interface Health {
  readonly status: string;
  readonly models: {
    readonly m: { readonly instances: readonly { readonly state: string; readonly reason?: string }[] };
  };
}

export async function health(server: RunningServer): Promise<Health> {
  return (await (await fetch(`${server.url}/health`)).json()) as Health;
}

/** Resolves when all instances are ready. */
export async function whole(server: RunningServer): Promise<void> {
  while ((await health(server)).models.m.instances.some(({ state }) => state !== 'ready')) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
