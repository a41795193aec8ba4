import type { Upstream } from './upstream.ts';

/** How much busier than the least busy server the preferred one may be before a conversation moves on. */
const patience = 2;

/**
 * Which server gets a call: of those that are available the one with the fewest calls under way for its weight. With a
 * `key` (affinity), the same server for the same key for as long as it is available and not much busier than the others;
 * when servers come and go, only the keys of those move (rendezvous hashing, Thaler and Ravishankar 1998).
 * When none is available, the one of those not tried that has been failing for longest, since it may be back: an answer is
 * possible, silence is not.
 */
export function choose(
  upstreams: readonly Upstream[],
  tried: ReadonlySet<Upstream>,
  key: string | undefined,
  now = Date.now(),
): Upstream | undefined {
  let best: Upstream | undefined;
  let desperate: Upstream | undefined;
  let ties = 0;
  for (const upstream of upstreams) {
    if (tried.has(upstream)) continue;
    if (!desperate || despair(upstream, desperate) < 0) desperate = upstream;
    if (!upstream.available(now)) continue;
    if (!best || upstream.load < best.load) {
      best = upstream;
      ties = 1;
    } else if (upstream.load === best.load && Math.random() * ++ties < 1) best = upstream;
  }
  if (!best) return desperate;
  if (key === undefined) return best;
  const preferred = rendezvous(
    upstreams.filter((upstream) => !tried.has(upstream) && upstream.available(now)),
    key,
  );
  return preferred && preferred.load <= best.load * patience + 1 ? preferred : best;
}

/** Below 0: rather the first. A server that just died has the fewest calls of all, so that load comes last. */
function despair(one: Upstream, other: Upstream): number {
  const unhealthy = Number(one.healthy === false) - Number(other.healthy === false);
  return unhealthy || one.breaker.until - other.breaker.until || one.load - other.load;
}

function rendezvous(upstreams: readonly Upstream[], key: string): Upstream | undefined {
  let best: Upstream | undefined;
  let highest = Number.NEGATIVE_INFINITY;
  for (const upstream of upstreams) {
    const score = -upstream.host.weight / Math.log(unit(hash(`${key}\n${upstream.host.url}`)));
    if (score > highest) {
      best = upstream;
      highest = score;
    }
  }
  return best;
}

/** FNV-1a, with a final mix: neighbours must not land beside each other. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  value ^= value >>> 16;
  value = Math.imul(value, 0x85ebca6b);
  value ^= value >>> 13;
  return value >>> 0;
}

/** Strictly between 0 and 1. */
function unit(value: number): number {
  return (value + 0.5) / 0x1_0000_0000;
}
