import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const root = new URL('..', import.meta.url).pathname;

export const tinyModel = join(root, 'models/backplane-tiny-Q8_0.gguf');

export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Backplane as an operator runs it: its own process, with a config.yaml in a folder of its own. */
export interface RunningServer {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  readonly pid: number;
  /** The folder of config.yaml. */
  readonly directory: string;
  /** Every log line so far. */
  readonly lines: readonly LogLine[];
  /** What it wrote to stderr so far. */
  readonly stderr: () => string;
  /** The first line, past or to come, that fits. */
  line(fits: (line: LogLine) => boolean): Promise<LogLine>;
  signal(signal: NodeJS.Signals): void;
  readonly exited: Promise<Exit>;
  /** SIGTERM, and waits for the end. */
  stop(): Promise<Exit>;
}

export interface ServeOptions {
  /** Further files beside config.yaml, e.g. a plugin. */
  readonly files?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  /** Headers with a key, where /ready asks for one. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Resolve when the port is open, not when the models have loaded. */
  readonly early?: boolean;
}

/** A temporary folder with these files, where packages resolve as after an `npm install` of Backplane. */
export async function folder(files: Readonly<Record<string, string>>): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'backplane-test-'));
  await symlink(join(root, 'node_modules'), join(directory, 'node_modules'));
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
  return directory;
}

/** Runs the command line tool to its end. */
export function backplane(args: readonly string[], options: { cwd?: string; env?: Record<string, string> } = {}) {
  const child = run(args, options.cwd ?? root, options.env ?? {});
  const out: string[] = [];
  const err: string[] = [];
  child.stdout?.on('data', (data) => out.push(String(data)));
  child.stderr?.on('data', (data) => err.push(String(data)));
  return new Promise<Exit & { stdout: string; stderr: string }>((resolve) =>
    child.once('close', (code, signal) => resolve({ code, signal, stdout: out.join(''), stderr: err.join('') })),
  );
}

function run(args: readonly string[], cwd: string, env: Record<string, string>): ChildProcess {
  return spawn(process.execPath, ['--conditions=@backplane/source', join(root, 'core/src/cli.ts'), ...args], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** Starts a server on a free port (`server.port: 0` is added when the config does not speak of `server`). */
export async function serve(config: string, options: ServeOptions = {}): Promise<RunningServer> {
  const text = /^server:/m.test(config) ? config : `server: { port: 0 }\n${config}`;
  const directory = await folder({ 'config.yaml': text, ...options.files });
  const child = run(['serve', join(directory, 'config.yaml')], directory, options.env ?? {});
  const lines: LogLine[] = [];
  const waiting = new Set<() => void>();
  let stderr = '';
  let over = false;
  child.stderr?.on('data', (data) => {
    stderr += data;
  });
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
    if (!line.startsWith('{')) return;
    lines.push(JSON.parse(line) as LogLine);
    for (const wake of [...waiting]) wake();
  });
  const exited = new Promise<Exit>((resolve) =>
    child.once('close', (code, signal) => {
      over = true;
      for (const wake of [...waiting]) wake();
      void rm(directory, { recursive: true, force: true }).then(() => resolve({ code, signal }));
    }),
  );
  const line = (fits: (line: LogLine) => boolean): Promise<LogLine> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = lines.find(fits);
        if (!found && !over) return;
        waiting.delete(look);
        if (found) resolve(found);
        else reject(new Error(`the server ended before it logged that; stderr:\n${stderr}`));
      };
      waiting.add(look);
      look();
    });
  const { url } = (await line(({ url }) => typeof url === 'string')) as unknown as { readonly url: string };
  const server: RunningServer = {
    url: url.replace(/\/v1$/, ''),
    pid: child.pid as number,
    directory,
    lines,
    stderr: () => stderr,
    line,
    signal: (signal) => child.kill(signal),
    exited,
    stop: () => {
      child.kill('SIGTERM');
      return exited;
    },
  };
  if (!options.early) {
    while (!(await fetch(`${server.url}/ready`, { headers: options.headers ?? {} })).ok)
      await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return server;
}
