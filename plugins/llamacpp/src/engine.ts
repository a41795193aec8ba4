import { Failure, type Log } from '@backplane/core/sdk';
import { getLlama, type Llama, LlamaLogLevel, NoBinaryFoundError } from 'node-llama-cpp';
import type { Options } from './options.ts';

export type Gpu = NonNullable<Options['gpu']>;

/**
 * The native library, once per thread and GPU kind: its bindings are global to the process, so disposing of them for one
 * model would pull them from under another. Node disposes of it at exit.
 */
const engines = new Map<Gpu, Promise<Llama>>();

/** Throws `backend_failed` when no binary fits this machine. */
export function engine(gpu: Gpu, log: Log): Promise<Llama> {
  const known = engines.get(gpu);
  if (known !== undefined) return known;
  const starting = start(gpu, log);
  engines.set(gpu, starting);
  starting.catch(() => engines.delete(gpu));
  return starting;
}

async function start(gpu: Gpu, log: Log): Promise<Llama> {
  try {
    return await getLlama({
      gpu,
      build: 'never',
      skipDownload: true,
      progressLogs: false,
      // `threads` is the operator's to bound, not the library's.
      maxThreads: 0,
      logLevel: LlamaLogLevel.warn,
      logger: (level, message) => write(log, level, message.trim()),
    });
  } catch (error) {
    if (!(error instanceof NoBinaryFoundError)) throw error;
    throw new Failure(
      'backend_failed',
      `node-llama-cpp has no binary for ${process.platform}-${process.arch} with gpu ${gpu}: run \`npm install\` without ` +
        '--omit=optional, and for a GPU remove its line from `overrides` in package.json first',
      { cause: error },
    );
  }
}

function write(log: Log, level: LlamaLogLevel, message: string): void {
  if (message === '') return;
  if (level === LlamaLogLevel.error || level === LlamaLogLevel.fatal) log.error({}, message);
  else if (level === LlamaLogLevel.warn) log.debug({}, message);
}
