import { type ChildProcess, fork } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { BackendKind, Log } from '../sdk/index.ts';
import { mainFile } from './main-file.ts';
import type { Blueprint, Placement } from './placement.ts';
import type { FromInstance, ToInstance } from './protocol.ts';
import { RemoteInstance } from './remote.ts';

/** In a forked child: the only place that contains a native crash. */
export async function placeInProcess(blueprint: Blueprint, _kind: BackendKind, log: Log): Promise<Placement> {
  const child = fork(mainFile('process'), [`${blueprint.spec.id}#${blueprint.index}`], {
    serialization: 'advanced',
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const remote = new RemoteInstance(
    {
      // A message to a child that has just died is lost; its exit tells everyone.
      post: (message: ToInstance) => child.connected && child.send(message, () => {}),
      listen: (receive: (message: FromInstance) => void) => child.on('message', receive as (message: unknown) => void),
    },
    blueprint,
    log,
  );
  forward(child.stdout, log);
  forward(child.stderr, log);

  const died = Promise.withResolvers<string>();
  const gone = new Promise<void>((resolve) => {
    const bury = (reason: string): void => {
      remote.die(reason);
      died.resolve(reason);
      resolve();
    };
    child.once('error', (error) => bury(`its process could not run: ${error.message}`));
    child.once('exit', (code, signal) =>
      bury(signal ? `its process was killed by ${signal}` : `its process exited with code ${code}`),
    );
  });
  return {
    instance: remote,
    died: died.promise,
    async close() {
      if (child.connected) child.disconnect();
      if (running(child)) child.kill('SIGKILL');
      await gone;
    },
  };
}

function running(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}

/** What an engine prints is for its developers: it must not break the server's own log lines. */
function forward(stream: Readable | null, log: Log): void {
  if (!stream) return;
  createInterface({ input: stream }).on('line', (line) => log.debug({ output: line.slice(0, 500) }, 'engine output'));
}
