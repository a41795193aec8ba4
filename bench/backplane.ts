import { mkdtemp, open, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { load } from './load.ts';
import { answered, type Child, freePort, root, type Setting, type Subject, start } from './subject.ts';

/** How the server is run: TypeScript as it stands in the repository, or what `npm run build` made of it. */
export type Form = 'source' | 'dist';

export interface RunningBackplane {
  readonly child: Child;
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * Starts a server with this config, `server.port` aside, its log in `log` if that is named. Resolves as soon as the
 * process exists.
 */
export async function startBackplane(config: string, form: Form = 'source', log?: string): Promise<RunningBackplane> {
  const directory = await mkdtemp(join(tmpdir(), 'backplane-bench-'));
  await symlink(join(root, 'node_modules'), join(directory, 'node_modules'));
  const port = await freePort();
  const file = join(directory, 'config.yaml');
  await writeFile(file, `server: { port: ${port} }\n${config}`);
  const program =
    form === 'source'
      ? ['--conditions=@backplane/source', join(root, 'core/src/cli.ts')]
      : [join(root, 'core/dist/cli.js')];
  // As in `npm start`.
  const args = ['--max-semi-space-size=8', ...program];
  const output = log === undefined ? undefined : await open(log, 'a');
  const child = start(process.execPath, [...args, 'serve', file], {
    env: { NODE_COMPILE_CACHE: join(root, 'core/.cache') },
    ...(output && { stdout: output.fd }),
  });
  await output?.close();
  return {
    child,
    url: `http://127.0.0.1:${port}`,
    stop: async () => {
      await child.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** The whole server: HTTP, validation, queue, metrics and access log, the engine in a process of its own. */
export async function backplane(setting: Setting): Promise<Subject> {
  const { shape, path, slots, context, threads, flashAttention } = setting;
  const server = await startBackplane(`
plugins: ["@backplane/metrics", "@backplane/llamacpp"]
models:
  - id: bench
    backend: llamacpp
    options: ${JSON.stringify({ path, slots, context_size: context, threads, flash_attention: flashAttention })}
`);
  await answered(`${server.url}/ready`, server.child);
  return {
    name: 'backplane',
    pid: server.child.process.pid as number,
    run: (job) => load(server.url, job, shape.vocabulary),
    stop: server.stop,
  };
}
