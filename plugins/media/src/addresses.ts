import { networkInterfaces } from 'node:os';
import ipaddr from 'ipaddr.js';

type Range = [ipaddr.IPv4 | ipaddr.IPv6, number];

/** Answers to every machine of a cloud (Azure), and looks like any other address. */
const metadata = '168.63.129.16';

/** All of IPv6 that is given out. What lies outside has meanings of old, e.g. ::127.0.0.1. */
const globalUnicast: readonly Range[] = [ipaddr.parseCIDR('2000::/3')];

export interface AddressRules {
  readonly allow_cidrs: readonly string[];
  readonly deny_cidrs: readonly string[];
}

/** Which addresses may be dialled: public ones, but for this machine's own; and what the operator says. */
export class Addresses {
  readonly #allowed: readonly Range[];
  readonly #denied: readonly Range[];

  constructor({ allow_cidrs, deny_cidrs }: AddressRules) {
    this.#allowed = allow_cidrs.map((cidr) => ipaddr.parseCIDR(cidr));
    this.#denied = deny_cidrs.map((cidr) => ipaddr.parseCIDR(cidr));
  }

  /** `address`: IPv4 or IPv6; one that carries an IPv4 address (`::ffff:10.0.0.1`) counts as that. */
  allows(address: string): boolean {
    // ipaddr.js takes the deprecated ::1.2.3.4 for ::ffff:1.2.3.4, which it is not.
    if (!ipaddr.isValid(address) || /^::\d+\./.test(address)) return false;
    const parsed = ipaddr.process(address);
    if (within(parsed, this.#denied)) return false;
    if (within(parsed, this.#allowed)) return true;
    // Only `unicast` is public: loopback, private, link-local, metadata, shared, translated and tunnelled have other names.
    const isPublic = parsed.range() === 'unicast' && (parsed.kind() === 'ipv4' || within(parsed, globalUnicast));
    return isPublic && parsed.toString() !== metadata && !isOwn(parsed);
  }
}

function within(address: ipaddr.IPv4 | ipaddr.IPv6, ranges: readonly Range[]): boolean {
  return ranges.some(([base, bits]) => base.kind() === address.kind() && address.match(base as never, bits));
}

function isOwn(address: ipaddr.IPv4 | ipaddr.IPv6): boolean {
  const text = address.toNormalizedString();
  return Object.values(networkInterfaces()).some((all) =>
    all?.some((own) => ipaddr.isValid(own.address) && ipaddr.process(own.address).toNormalizedString() === text),
  );
}
