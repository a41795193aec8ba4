import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'vitest';

const root = new URL('../..', import.meta.url).pathname;

/** The interpreter of the virtual environment with mlx_lm.server that `npm run python` makes. */
export const python = join(root, '.cache/mlx/bin/python');
export const tinyMlx = join(root, 'models/backplane-tiny-hf');

const there = existsSync(join(root, '.cache/mlx/requirements.sha256'));
if (!there && process.env.CI === 'true') throw new Error('.cache/mlx is missing: run npm run python');

/** Tests that run the real `mlx_lm.server`. */
export const describeMlx = there
  ? describe
  : (name: string, tests: () => void) =>
      describe.skip(`${name} (skipped: no .cache/mlx; npm run python makes it)`, tests);

/** The interpreter of the virtual environment with mlx-openai-server that `npm run python` makes. */
export const serverPython = join(root, '.cache/mlx-openai-server/bin/python');

/** Tests that run the real `mlx-openai-server`: slower, and in an environment of their own, which not every Python can have. */
export const describeOpenaiServer = existsSync(join(root, '.cache/mlx-openai-server/requirements.sha256'))
  ? (name: string, tests: () => void) => describe(name, { timeout: 240_000 }, tests)
  : (name: string, tests: () => void) =>
      describe.skip(`${name} (skipped: no .cache/mlx-openai-server; npm run python makes it)`, tests);

/** An entry of `models:` in that engine. */
export function serverModel(id: string, type: string, path: string, options = '', more = ''): string {
  const all = `engine: mlx-openai-server, type: ${type}, path: ${path}, python: ${serverPython}${options && `, ${options}`}`;
  return `  - { id: ${id}, backend: mlx, ${more && `${more}, `}options: { ${all} } }\n`;
}

/** An entry of `models:`. */
export function mlxModel(id: string, path: string, options = '', more = ''): string {
  return `  - { id: ${id}, backend: mlx, ${more && `${more}, `}options: { path: ${path}, python: ${python}${options && `, ${options}`} } }\n`;
}

export function mlxConfig(...models: readonly string[]): string {
  return `plugins: ["@backplane/mlx"]\nlog: { level: debug }\nmodels:\n${models.join('')}`;
}

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly command: string;
}

export function processes(): Process[] {
  const table = execFileSync('ps', ['-eo', 'pid=,ppid=,pgid=,stat=,args='], { encoding: 'utf8' });
  return table.split('\n').flatMap((line) => {
    const [, pid, parent, group, state, command] = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    // A zombie computes nothing: it waits for whoever counts the dead.
    if (command === undefined || state?.startsWith('Z')) return [];
    return { pid: Number(pid), parent: Number(parent), group: Number(group), command };
  });
}

/** The engines that this server started. */
export function engines(server: { readonly pid: number }): Process[] {
  return processes().filter(
    ({ parent, command }) => parent === server.pid && /mlx_lm server|openai_server\.py launch/.test(command),
  );
}

/** What is left of a process group. */
export function groupOf(group: number): Process[] {
  return processes().filter((one) => one.group === group);
}

/** Resolves when it holds. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 50));
}

/** Seconds that the processes of a group computed within three seconds. */
export async function secondsOf(group: number): Promise<number> {
  const computed = (): number => {
    const table = execFileSync('ps', ['-A', '-o', 'pgid=,time='], { encoding: 'utf8' });
    const times = [...table.matchAll(/^\s*(\d+)\s+([\d:.-]+)$/gm)].filter(([, id]) => Number(id) === group);
    return times.reduce((sum, [, , time]) => sum + secondsIn(time as string), 0);
  };
  const before = computed();
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  return computed() - before;
}

/** `[[days-]hours:]minutes:seconds` */
function secondsIn(time: string): number {
  return time.split(/[-:]/).reduce((sum, part) => sum * 60 + Number(part), 0);
}
