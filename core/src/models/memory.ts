/** A model in the eyes of the budget. */
export interface Tenant {
  readonly id: string;
  /** What it takes while it is loaded, as config.yaml says; bytes. */
  readonly memory: number;
  /** Since when nobody uses it, on the clock of performance.now(); undefined while it must stay. */
  readonly idleSince: number | undefined;
  /** Room is needed: it unloads, and gives its memory back with `release` when that is done. */
  evict(): void;
}

interface Waiting {
  readonly tenant: Tenant;
  readonly grant: () => void;
}

/**
 * Which models are in memory together. Room is given first come, first served, so that a large model is not overtaken for
 * ever by small ones; it is made by unloading those that have been idle longest, never one that is in use.
 */
export class MemoryBudget {
  readonly #total: number;
  readonly #holders = new Set<Tenant>();
  /** Those of them that are on their way out. */
  readonly #leaving = new Set<Tenant>();
  #waiting: readonly Waiting[] = [];

  /** Absent: without bounds. */
  constructor(total = Number.POSITIVE_INFINITY) {
    this.#total = total;
  }

  /** Bytes that are given out. */
  get used(): number {
    return sum(this.#holders);
  }

  /** For one that is loaded from the start to the end. */
  keep(tenant: Pick<Tenant, 'id' | 'memory'>): void {
    this.#holders.add({ ...tenant, idleSince: undefined, evict() {} });
  }

  /** Calls `grant`, now or later, when the tenant has its memory. */
  ask(tenant: Tenant, grant: () => void): void {
    this.#waiting = [...this.#waiting, { tenant, grant }];
    this.changed();
  }

  /** It does not want it any more. */
  withdraw(tenant: Tenant): void {
    this.#waiting = this.#waiting.filter((one) => one.tenant !== tenant);
    this.changed();
  }

  /** It has given its memory back. */
  release(tenant: Tenant): void {
    this.#holders.delete(tenant);
    this.#leaving.delete(tenant);
    this.changed();
  }

  /** To be called when a tenant has become idle, too. */
  changed(): void {
    for (let [first, ...rest] = this.#waiting; first; [first, ...rest] = this.#waiting) {
      const { tenant, grant } = first;
      if (this.#total - this.used < tenant.memory) {
        this.#makeRoom(tenant.memory);
        return;
      }
      this.#waiting = rest;
      this.#holders.add(tenant);
      grant();
    }
  }

  /** Why a tenant waits, as the end of a sentence. */
  shortage({ memory }: Tenant): string {
    const holders = [...this.#holders].map((one) => `${one.id} (${shownSize(one.memory)})`);
    return `it needs ${shownSize(memory)}, and memory.budget (${shownSize(this.#total)}) is held by ${holders.join(', ')}`;
  }

  #makeRoom(bytes: number): void {
    let room = this.#total - this.used + sum(this.#leaving);
    if (room >= bytes) return;
    const idle = [...this.#holders]
      .filter((one) => one.idleSince !== undefined && !this.#leaving.has(one))
      .sort((a, b) => (a.idleSince as number) - (b.idleSince as number));
    const enough = idle.findIndex((one) => {
      room += one.memory;
      return room >= bytes;
    });
    // Unloading some of what is idle does not help when the rest is in use.
    for (const one of idle.slice(0, enough + 1)) {
      this.#leaving.add(one);
      one.evict();
    }
  }
}

function sum(tenants: Iterable<Tenant>): number {
  let bytes = 0;
  for (const { memory } of tenants) bytes += memory;
  return bytes;
}

/** `9 GB`, `1.5 MB`: as config.yaml counts them, in powers of 1000. */
export function shownSize(bytes: number): string {
  for (const [unit, size] of [
    ['GB', 1e9],
    ['MB', 1e6],
    ['KB', 1e3],
  ] as const) {
    if (bytes >= size) return `${Math.round((bytes / size) * 10) / 10} ${unit}`;
  }
  return `${bytes} B`;
}
