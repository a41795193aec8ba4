import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { Services } from '../../src/kernel/container.ts';
import { registry, token } from '../../src/sdk/index.ts';

const clock = token<{ readonly now: number }>('clock');

test('a service is made on first use, once, for all who use it', () => {
  const services = new Services();
  let made = 0;
  services.provide('timer', clock, () => ({ now: ++made }));
  expect(made).toBe(0);
  const first = services.use('a', ['timer'], clock);
  expect(services.use('b', ['timer'], clock)).toBe(first);
  expect(services.use('timer', [], clock)).toBe(first);
  expect(made).toBe(1);
});

test('a service that nobody provides is named, with who needs it', () => {
  expect(() => new Services().use('a', [], clock)).toThrow(
    'the plugin "a" needs the service "clock", which no loaded plugin provides',
  );
});

test('a service of a plugin that is not named in after is refused, whatever the order in config.yaml', () => {
  const services = new Services();
  services.provide('timer', clock, () => ({ now: 1 }));
  expect(() => services.use('a', [], clock)).toThrow('of the plugin "timer": add "timer" to its `after`');
});

test('services of the core are there for everyone, and two kernels do not share them', () => {
  const [one, other] = [new Services(), new Services()];
  const metrics = new Registry();
  one.core(registry, () => metrics);
  expect(one.use('a', [], registry)).toBe(metrics);
  expect(() => other.use('a', [], registry)).toThrow('"registry"');
});

test('two copies of a package name the same service', () => {
  const services = new Services();
  services.provide('timer', token('shared'), () => 7);
  expect(services.use('a', ['timer'], token('shared'))).toBe(7);
});
