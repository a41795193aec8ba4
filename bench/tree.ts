import { readdirSync, readFileSync } from 'node:fs';

/** A process with all that it started, as Linux tells it in /proc. */
export class ProcessTree {
  readonly #root: number;

  constructor(root: number) {
    this.#root = root;
  }

  /** CPU time of every thread, µs. */
  cpu(): number {
    let ns = 0;
    for (const pid of this.#pids()) {
      for (const thread of list(`/proc/${pid}/task`)) {
        ns += Number(read(`/proc/${pid}/task/${thread}/schedstat`).split(' ')[0]);
      }
    }
    return ns / 1_000;
  }

  /** MB. `private`: what would be free if it ended; `pss` adds its share of what is shared, such as mapped weights. */
  memory(): { readonly rss: number; readonly pss: number; readonly private: number } {
    const sum = { rss: 0, pss: 0, private: 0 };
    for (const pid of this.#pids()) {
      const rollup = read(`/proc/${pid}/smaps_rollup`);
      const kib = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(rollup)?.[1] ?? 0);
      sum.rss += (kib('Rss') * 1.024) / 1_000;
      sum.pss += (kib('Pss') * 1.024) / 1_000;
      sum.private += ((kib('Private_Dirty') + kib('Private_Clean')) * 1.024) / 1_000;
    }
    return sum;
  }

  #pids(): readonly number[] {
    const found = [this.#root];
    for (const pid of found) {
      for (const thread of list(`/proc/${pid}/task`)) {
        const children = read(`/proc/${pid}/task/${thread}/children`).trim();
        if (children !== '') found.push(...children.split(' ').map(Number));
      }
    }
    return found;
  }
}

/** Processes end while they are read. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '0';
  }
}

function list(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
