import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'vitest';
import type { Fault } from '../../src/device-fault.ts';
import { standInModel } from '../stand-in/model.ts';

const root = new URL('../../../..', import.meta.url).pathname;
/** `npm run test:asan` sets it: addon and stand-ins are built for the address sanitizer, which looks for leaks too. */
const sanitized = process.env.SANITIZE === 'address';
const addon = join(root, `plugins/sophon-tpu/native/build/${sanitized ? 'sophon-asan' : 'sophon'}.node`);
const built = existsSync(addon);
if (!built && process.env.CI === 'true') throw new Error(`${addon} is missing: run npm run build:native`);
// For the stand-ins; whoever has the addon, but not from here, may have none.
const compiles = spawnSync('g++', ['--version']).status === 0;

/** Tests that need the addon. */
export const describeNative =
  built && compiles
    ? describe
    : (name: string, tests: () => void) =>
        describe.skip(`${name} (skipped: no g++, or the addon is not built; npm run build:native builds it)`, tests);

/** The folder of the stand-in libraries, built when their sources are newer. */
export function standIn(): string {
  const folder = join(root, '.cache/sophon', sanitized ? 'stand-in-asan' : 'stand-in');
  execFileSync('bash', [new URL('../stand-in/build.sh', import.meta.url).pathname, folder], { stdio: 'inherit' });
  return folder;
}

const simulator = join(root, '.cache/sophon');
export const tinyModel = join(simulator, 'models/static-bf16/tiny.bmodel');
const simulated = built && !sanitized && existsSync(tinyModel) && existsSync(join(simulator, 'lib/libbmrt.so.1.0'));

/** Tests that need the vendor's simulator and a bmodel for it too. */
export const describeSimulator = simulated
  ? describe
  : (name: string, tests: () => void) =>
      describe.skip(`${name} (skipped: no simulator in .cache/sophon; bash tools/sophon/setup.sh makes it)`, tests);

/** Runs actor.ts over the simulator and the tiny bmodel. */
export function simulate(actions: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return actor([tinyModel, ...actions], { BACKPLANE_SOPHON_LIBRARIES: join(simulator, 'lib'), ...env });
}

/** What the stand-ins saw, as control.cc writes it. */
interface Report {
  readonly handles: number;
  readonly runtimes: number;
  readonly allocations: number;
  readonly mostInUse: number;
  readonly breaches: Readonly<Record<string, number>>;
  /** `runtime:network`, runtimes counted from 0 in the order they were made. */
  readonly launches: readonly string[];
}

export interface Thrown {
  readonly message: string;
  readonly fault: Fault;
  readonly fatal: boolean;
  readonly status?: number;
  readonly operation?: number;
  readonly network?: string;
}

export interface Played {
  /** Of each action. */
  readonly results: readonly unknown[];
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly report: Report;
}

const tensor = (name: string) => ({ name, dtype: 'i32', shape: [1, 4] }) as const;
const stages = [{ inputs: [tensor('in')], outputs: [tensor('out')] }];
export const twoNetworks = standInModel([
  { name: 'first', stages },
  { name: 'second', stages },
]);

export interface PlayOptions {
  readonly orders?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly model?: Buffer;
}

/** Runs actor.ts over the stand-ins, in a process of its own. */
export async function play(actions: readonly string[], options: PlayOptions = {}): Promise<Played> {
  const directory = await mkdtemp(join(tmpdir(), 'backplane-native-'));
  try {
    const [model, control, report] = ['model.bmodel', 'control', 'report'].map((name) => join(directory, name)) as [
      string,
      string,
      string,
    ];
    await writeFile(model, options.model ?? twoNetworks);
    await writeFile(control, options.orders ?? '');
    const env = {
      BACKPLANE_SOPHON_LIBRARIES: standIn(),
      STAND_IN_CONTROL: control,
      STAND_IN_REPORT: report,
      ...(sanitized && sanitizer()),
      ...options.env,
    };
    const ran = await actor([model, ...actions], env);
    return { ...ran, report: JSON.parse(await readFile(report, 'utf8').catch(() => 'null')) as Report };
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** Runs actor.ts with these arguments and this much more environment. */
export function actor(args: readonly string[], env: Readonly<Record<string, string>>): Promise<Omit<Played, 'report'>> {
  const program = new URL('./actor.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, ['--conditions=@backplane/source', program, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [out, err]: [string[], string[]] = [[], []];
  child.stdout.on('data', (data) => out.push(String(data)));
  child.stderr.on('data', (data) => err.push(String(data)));
  return new Promise((settle) =>
    child.once('close', (code) => {
      const stdout = out.join('');
      const line = stdout.trimEnd().split('\n').at(-1) ?? '';
      settle({ code, stdout, stderr: err.join(''), results: line.startsWith('[') ? JSON.parse(line) : [] });
    }),
  );
}

function sanitizer(): Record<string, string> {
  const preload = execFileSync('g++', ['-print-file-name=libasan.so'], { encoding: 'utf8' }).trim();
  return {
    LD_PRELOAD: preload,
    BACKPLANE_SOPHON_ADDON: addon,
    // What else a process ends with is 0, 1 or 255.
    ASAN_OPTIONS: 'detect_leaks=1:exitcode=99',
    LSAN_OPTIONS: `print_suppressions=0:suppressions=${new URL('./leaks-of-node', import.meta.url).pathname}`,
  };
}
