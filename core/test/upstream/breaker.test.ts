import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Breaker } from '../../src/upstream/breaker.ts';

const policy = { failures: 3, for: 1_000, at_most: 8_000 };

function tripped(): Breaker {
  const breaker = new Breaker(policy);
  for (let i = 0; i < 3; i++) {
    breaker.enter();
    breaker.fail(0);
  }
  return breaker;
}

describe('a breaker', () => {
  it('opens after so many failures in a row, not before', () => {
    const breaker = new Breaker(policy);
    breaker.fail(0);
    breaker.fail(0);
    breaker.succeed();
    breaker.fail(0);
    breaker.fail(0);
    expect(breaker.state(0)).toBe('closed');
    breaker.fail(0);
    expect(breaker.state(0)).toBe('open');
    expect(breaker.allows(999)).toBe(false);
  });

  it('lets one call try after a while; its success closes, its failure opens for twice as long', () => {
    const breaker = tripped();
    expect(breaker.state(1_000)).toBe('half-open');
    expect(breaker.allows(1_000)).toBe(true);
    breaker.enter();
    expect(breaker.allows(1_000)).toBe(false);
    breaker.fail(1_000);
    expect(breaker.allows(2_999)).toBe(false);
    expect(breaker.allows(3_000)).toBe(true);
    breaker.enter();
    breaker.succeed();
    expect(breaker.state(3_000)).toBe('closed');
  });

  it('lets another call try when the one that tried was cancelled', () => {
    const breaker = tripped();
    breaker.enter();
    breaker.leave();
    expect(breaker.allows(1_000)).toBe(true);
  });

  it('counts the calls that a crash ends together as one failure', () => {
    const breaker = new Breaker(policy);
    for (let i = 0; i < 50; i++) breaker.enter();
    for (let i = 0; i < 50; i++) breaker.fail(0);
    expect(breaker.allows(1_000)).toBe(true);
  });

  it('never keeps a server away for longer than at_most', () => {
    const steps = fc.array(fc.constantFrom('enter', 'fail', 'succeed', 'leave'), { maxLength: 60 });
    fc.assert(
      fc.property(steps, (names) => {
        const breaker = new Breaker(policy);
        for (const name of names) {
          if (name === 'fail') breaker.fail(0);
          else (breaker[name as 'enter'] as () => void).call(breaker);
        }
        breaker.leave();
        expect(breaker.allows(policy.at_most)).toBe(true);
      }),
    );
  });
});
