import { execFile } from 'node:child_process';
import type { Meter } from '../../sdk/index.ts';
import type { ChildServer } from './server.ts';

const askWithinMs = 5_000;

/** What each process group has in memory, bytes (RSS: pages that processes share count in each). Empty where `ps` fails. */
export function residentBytes(): Promise<ReadonlyMap<number, number>> {
  return new Promise((resolve) => {
    execFile('ps', ['-A', '-o', 'pgid=,rss='], { timeout: askWithinMs }, (_, table) => {
      const groups = new Map<number, number>();
      for (const [, group, kilobytes] of (table ?? '').matchAll(/^\s*(\d+)\s+(\d+)\s*$/gm)) {
        groups.set(Number(group), (groups.get(Number(group)) ?? 0) + Number(kilobytes) * 1_024);
      }
      resolve(groups);
    });
  });
}

interface Place {
  readonly model: string;
  readonly instance: number;
}

/** What a plugin measures of the servers that it runs. Made once per plugin, since names are taken once. */
export class ChildMetrics {
  readonly #children = new Map<ChildServer, Place>();

  constructor(meter: Meter) {
    const children = this.#children;
    meter.gauge({
      name: 'child_resident_bytes',
      help: 'Memory of a server that runs as a child, with all its processes',
      labelNames: ['model', 'instance'],
      async collect() {
        this.reset();
        if (children.size === 0) return;
        const groups = await residentBytes();
        for (const [{ pid }, { model, instance }] of children) {
          const bytes = pid === undefined ? undefined : groups.get(pid);
          if (bytes !== undefined) this.set({ model, instance: String(instance) }, bytes);
        }
      },
    });
  }

  watch(child: ChildServer, place: Place): void {
    this.#children.set(child, place);
  }

  forget(child: ChildServer): void {
    this.#children.delete(child);
  }
}
