/** A model in the eyes of the budget. */
export interface Tenant {
  readonly id: string;
  /** What it takes while it is loaded, as config.yaml says; bytes. */
  readonly memory: number;
  /** Since when nobody uses it, on the clock of performance.now(); undefined while it must stay. */
  readonly idleSince: number | undefined;
  /** From when on it may be asked to take no more calls, on the same clock; undefined where that is out of the question. */
  readonly yieldsAt: number | undefined;
  /** Another waits for its room: it takes no more calls, and is idle when those that run are done. */
  yield(): void;
  /** Nobody waits for its room any more. */
  resume(): void;
  /** Room is needed: it unloads, and gives its memory back with `release` when that is done. */
  evict(): void;
}

interface Waiting {
  readonly tenant: Tenant;
  readonly grant: () => void;
}

/**
 * Which models are in memory together. Room is given first come, first served, so that a large model is not overtaken for
 * ever by small ones; it is made by unloading those that have been idle longest, never one that is in use. Where that is
 * not enough, those in use are asked to take no more calls, so that no model is kept out by one that is never idle.
 */
export class MemoryBudget {
  readonly #total: number;
  readonly #holders = new Set<Tenant>();
  /** Those of them that are on their way out. */
  readonly #leaving = new Set<Tenant>();
  /** Those that were asked to take no more calls. */
  readonly #yielding = new Set<Tenant>();
  #waiting: readonly Waiting[] = [];
  /** Until one may be asked. */
  #later: NodeJS.Timeout | undefined;

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
    this.#holders.add({ ...tenant, idleSince: undefined, yieldsAt: undefined, yield() {}, resume() {}, evict() {} });
  }

  /** Calls `grant`, now or later, when the tenant has its memory. */
  ask(tenant: Tenant, grant: () => void): void {
    this.#waiting = [...this.#waiting, { tenant, grant }];
    this.changed();
  }

  /** It does not want it any more. */
  withdraw(tenant: Tenant): void {
    this.#waiting = this.#waiting.filter((one) => one.tenant !== tenant);
    this.#relieve();
    this.changed();
  }

  /** It has given its memory back. */
  release(tenant: Tenant): void {
    this.#holders.delete(tenant);
    this.#leaving.delete(tenant);
    this.#yielding.delete(tenant);
    this.changed();
  }

  /** To be called when a tenant has become idle, too. */
  changed(): void {
    clearTimeout(this.#later);
    this.#later = undefined;
    for (let [first, ...rest] = this.#waiting; first; [first, ...rest] = this.#waiting) {
      const { tenant, grant } = first;
      if (this.#total - this.used < tenant.memory) {
        this.#makeRoom(tenant.memory);
        return;
      }
      this.#waiting = rest;
      this.#holders.add(tenant);
      this.#relieve();
      grant();
    }
  }

  /** Why a tenant waits, as the end of a sentence. */
  shortage({ memory }: Tenant): string {
    const holders = [...this.#holders].map((one) => `${one.id} (${shownSize(one.memory)})`);
    return `it needs ${shownSize(memory)}, and memory.budget (${shownSize(this.#total)}) is held by ${holders.join(', ')}`;
  }

  #makeRoom(bytes: number): void {
    const missing = bytes - (this.#total - this.used) - sum(this.#leaving);
    if (missing <= 0) return;
    const staying = [...this.#holders].filter((one) => !this.#leaving.has(one));
    const idle = earliest(staying, (one) => one.idleSince);
    const going = enough(idle, missing);
    for (const one of going ?? []) {
      this.#leaving.add(one);
      one.evict();
    }
    if (going) return;
    // Unloading some of what is idle does not help while the rest is in use.
    const inUse = staying.filter((one) => one.idleSince === undefined);
    const asked = enough([...idle, ...earliest(inUse, (one) => one.yieldsAt)], missing)?.slice(idle.length) ?? [];
    for (const one of asked) this.#ask(one, one.yieldsAt as number);
    // Calls may have waited for a model of which none runs.
    if (asked.length > 0 && asked.every((one) => one.idleSince !== undefined)) this.#makeRoom(bytes);
  }

  #ask(tenant: Tenant, from: number): void {
    if (this.#yielding.has(tenant)) return;
    const wait = from - performance.now();
    if (wait <= 0) {
      this.#yielding.add(tenant);
      tenant.yield();
    } else this.#later ??= setTimeout(() => this.changed(), Math.ceil(wait)).unref();
  }

  #relieve(): void {
    for (const tenant of this.#yielding) tenant.resume();
    this.#yielding.clear();
  }
}

/** Those that have such a time, by it. */
function earliest(tenants: readonly Tenant[], time: (tenant: Tenant) => number | undefined): readonly Tenant[] {
  return tenants.filter((one) => time(one) !== undefined).sort((a, b) => (time(a) as number) - (time(b) as number));
}

/** As many of them, from the first, as make this many bytes; undefined where all of them are not enough. */
function enough(tenants: readonly Tenant[], bytes: number): readonly Tenant[] | undefined {
  let sum = 0;
  const last = tenants.findIndex((one) => {
    sum += one.memory;
    return sum >= bytes;
  });
  return last === -1 ? undefined : tenants.slice(0, last + 1);
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
