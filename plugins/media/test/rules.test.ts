import { describe, expect, test } from 'vitest';
import { Addresses } from '../src/addresses.ts';
import { config } from '../src/config.ts';
import { Hosts } from '../src/hosts.ts';

describe('a host pattern', () => {
  test.each([
    ['example.com', 'https://example.com/', true],
    ['example.com', 'https://EXAMPLE.com./', true],
    ['Example.com', 'http://example.com:80/', true],
    ['example.com', 'https://example.com:8443/', false],
    ['example.com', 'https://www.example.com/', false],
    ['example.com', 'https://example.com.evil.example/', false],
    ['example.com', 'https://notexample.com/', false],
    ['*.example.com', 'https://a.example.com/', true],
    ['*.example.com', 'https://a.b.example.com/', true],
    ['*.example.com', 'https://example.com/', false],
    ['*.example.com', 'https://notexample.com/', false],
    ['example.com:8443', 'https://example.com:8443/', true],
    ['example.com:8443', 'https://example.com/', false],
    ['example.com:*', 'https://example.com:1/', true],
    ['*', 'https://anything.example/', true],
    ['*', 'https://anything.example:22/', false],
    ['*:*', 'https://anything.example:22/', true],
    ['192.0.2.7', 'http://192.0.2.7/', true],
    ['[2001:db8::7]:8080', 'http://[2001:db8::7]:8080/', true],
  ])('%s on %s: %s', (pattern, url, allowed) => {
    expect(config.safeParse({ url: { allow_hosts: [pattern] } }).success).toBe(true);
    expect(new Hosts([pattern]).allow(new URL(url))).toBe(allowed);
  });

  test.each([
    'https://example.com',
    'example.com/path',
    'exa*mple.com',
    '*.',
    '',
    'a b',
    'user@example.com',
  ])('%j is none', (pattern) => {
    expect(config.safeParse({ url: { allow_hosts: [pattern] } }).success).toBe(false);
  });
});

describe('an address', () => {
  const rules = new Addresses({
    allow_cidrs: ['10.1.0.0/16', 'fd00:1::/32'],
    deny_cidrs: ['8.8.8.0/24', '10.1.9.0/24'],
  });

  test.each([
    ['93.184.215.14', true],
    ['2606:4700::1111', true],
    ['::ffff:93.184.215.14', true],
    ['10.1.2.3', true],
    ['::ffff:10.1.2.3', true],
    ['fd00:1::5', true],
    ['10.1.9.1', false],
    ['10.2.0.1', false],
    ['8.8.8.8', false],
    ['::ffff:8.8.8.8', false],
    ['fd00:2::5', false],
    ['::1.2.3.4', false],
    ['64:ff9b::8.8.4.4', false],
    ['2002:808:404::', false],
    ['4000::1', false],
    ['no address', false],
    ['', false],
  ])('%s may be dialled: %s', (address, allowed) => {
    expect(rules.allows(address)).toBe(allowed);
  });
});

test('by itself the plugin allows no host and no folder', () => {
  expect(config.parse({})).toEqual({
    max_items: 16,
    data: { max_bytes: 20_000_000 },
    url: {
      enabled: true,
      schemes: ['https', 'http'],
      allow_hosts: [],
      allow_cidrs: [],
      deny_cidrs: [],
      max_bytes: 20_000_000,
      timeout: 20_000,
    },
    file: { allow_dirs: [], max_bytes: 20_000_000 },
  });
});
