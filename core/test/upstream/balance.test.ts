import { afterEach, describe, expect, it } from 'vitest';
import { choose } from '../../src/upstream/balance.ts';
import { upstreamOptions } from '../../src/upstream/options.ts';
import { Upstream } from '../../src/upstream/upstream.ts';

const made: Upstream[] = [];
afterEach(async () => {
  await Promise.all(made.splice(0).map((upstream) => upstream.close()));
});

function fleet(...hosts: readonly object[]): readonly Upstream[] {
  const options = upstreamOptions.parse({
    upstreams: hosts.map((host, index) => ({ url: `http://127.0.0.1:${index + 1}`, ...host })),
  });
  const upstreams = options.upstreams.map((host, index) => new Upstream(index, host, options));
  made.push(...upstreams);
  return upstreams;
}

const none: ReadonlySet<Upstream> = new Set();
const eject = (upstream: Upstream | undefined, now: number): void => {
  for (let i = 0; i < 3; i++) upstream?.breaker.fail(now);
};
const busy = (upstream: Upstream | undefined, calls: number): void => {
  if (upstream) upstream.outstanding = calls;
};

describe('a call goes', () => {
  it('to the upstream with the fewest calls for its weight', () => {
    const upstreams = fleet({}, { weight: 4 });
    const taken = [0, 0];
    for (let i = 0; i < 10; i++) {
      const { index } = choose(upstreams, none, undefined) as Upstream;
      taken[index] = (taken[index] ?? 0) + 1;
      busy(upstreams[index], taken[index] as number);
    }
    expect(taken).toEqual([2, 8]);
  });

  it('to none that is ejected, unhealthy, full, asked to be left alone, or tried', () => {
    const upstreams = fleet({}, {}, { max_concurrent: 1 }, {}, {}, {});
    const [ejected, unhealthy, full, resting, tried, good] = upstreams;
    eject(ejected, Date.now());
    if (unhealthy) unhealthy.healthy = false;
    busy(full, 1);
    if (resting) resting.busyUntil = Date.now() + 60_000;
    busy(good, 50);
    expect(choose(upstreams, new Set([tried as Upstream]), undefined)).toBe(good);
  });

  it('to the one that has been failing for longest when all of them do, however few calls the others have', () => {
    const upstreams = fleet({}, {}, {});
    const now = Date.now();
    eject(upstreams[0], now);
    eject(upstreams[1], now - 3_000);
    eject(upstreams[2], now - 1_000);
    busy(upstreams[1], 10);
    expect(choose(upstreams, none, undefined, now)).toBe(upstreams[1]);
    expect(choose(upstreams, new Set(upstreams), undefined, now)).toBe(undefined);
  });

  it('to the same upstream for the same key, until that is much busier than the others', () => {
    const upstreams = fleet({}, {}, {});
    const first = choose(upstreams, none, 'conversation');
    busy(first, 2);
    for (let i = 0; i < 20; i++) expect(choose(upstreams, none, 'conversation')).toBe(first);
    busy(first, 9);
    expect(choose(upstreams, none, 'conversation')).not.toBe(first);
  });

  it('elsewhere only for the keys of the upstream that went away', () => {
    const upstreams = fleet({}, {}, {}, {});
    const keys = Array.from({ length: 400 }, (_, i) => `key ${i}`);
    const before = keys.map((key) => choose(upstreams, none, key));
    const [gone] = upstreams;
    if (gone) gone.healthy = false;
    const after = keys.map((key) => choose(upstreams, none, key));
    for (const [index, upstream] of before.entries()) {
      if (upstream === gone) expect(after[index]).not.toBe(gone);
      else expect(after[index]).toBe(upstream);
    }
    for (const upstream of upstreams) expect(before.filter((one) => one === upstream).length).toBeGreaterThan(50);
  });
});
