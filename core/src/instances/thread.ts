import { MessageChannel } from 'node:worker_threads';
import { Piscina } from 'piscina';
import type { BackendKind, Log } from '../sdk/index.ts';
import { mainFile } from './main-file.ts';
import type { Blueprint, Placement } from './placement.ts';
import type { FromInstance, ToInstance } from './protocol.ts';
import { RemoteInstance } from './remote.ts';

/**
 * In a Piscina pool of exactly one worker, which belongs to this instance for life: the instance is one long task, and all
 * calls go over one port. Piscina is never given an AbortSignal and the worker is never terminated while the instance may
 * be computing: both kill a native engine in mid-step, and the process with it.
 */
export async function placeInThread(blueprint: Blueprint, _kind: BackendKind, log: Log): Promise<Placement> {
  const pool = new Piscina({
    filename: mainFile('thread'),
    minThreads: 1,
    maxThreads: 1,
    idleTimeout: Number.POSITIVE_INFINITY,
    recordTiming: false,
  });
  const { port1: near, port2: far } = new MessageChannel();
  const remote = new RemoteInstance(
    {
      shares: true,
      post: (message: ToInstance, transfer = []) => near.postMessage(message, transfer),
      listen: (receive: (message: FromInstance) => void) => near.on('message', receive),
    },
    blueprint,
    log,
  );
  const died = Promise.withResolvers<string>();
  let unloaded = false;
  const task = pool.run({ port: far }, { transferList: [far] }).then(
    () => {
      unloaded = true;
    },
    (thrown: unknown) => {
      const reason = `its thread died: ${thrown instanceof Error ? thrown.message : String(thrown)}`;
      remote.die(reason);
      died.resolve(reason);
    },
  );
  // Piscina replaces a worker that exits without an error and leaves its task pending; for us that instance is dead.
  pool.on('workerDestroy', () => {
    if (unloaded) return;
    remote.die('its thread exited');
    died.resolve('its thread exited');
  });
  return {
    instance: remote,
    died: died.promise,
    async close() {
      near.close();
      if (!unloaded) {
        // Still computing: terminating it would abort the whole server, so it is left behind and ends with the process.
        near.unref();
        for (const worker of pool.threads) worker.unref();
        return;
      }
      await task;
      await pool.destroy();
    },
  };
}
