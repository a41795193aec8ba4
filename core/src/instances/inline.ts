import type { BackendKind, Log } from '../sdk/index.ts';
import type { Blueprint, Placement } from './placement.ts';

/** In the server's own thread: no border to cross, and none that would hold a crash. */
export async function placeInline(
  { spec, index, isolation }: Blueprint,
  kind: BackendKind,
  log: Log,
): Promise<Placement> {
  return {
    instance: await kind.create(spec, { log, index, isolation }),
    died: new Promise(() => {}),
    close: async () => {},
  };
}
