const defaultPorts: Readonly<Record<string, string>> = { 'http:': '80', 'https:': '443' };

interface Pattern {
  readonly host: string;
  /** undefined: the scheme's own. */
  readonly port: string | undefined;
}

/** Which hosts may be asked, by the patterns of `url.allow_hosts`. */
export class Hosts {
  readonly #patterns: readonly Pattern[];

  constructor(patterns: readonly string[]) {
    this.#patterns = patterns.map((pattern) => {
      const [, host = '', port] = /^(\[.*\]|[^:]*)(?::(.*))?$/.exec(pattern.toLowerCase()) ?? [];
      return { host, port };
    });
  }

  /** `url` as the WHATWG parser gives it: 2130706433, 0x7f.1 and 0177.0.0.1 are 127.0.0.1 there. */
  allow(url: URL): boolean {
    const host = url.hostname.replace(/\.$/, '');
    const own = defaultPorts[url.protocol] ?? '';
    const port = url.port || own;
    return this.#patterns.some(
      (pattern) => matches(pattern.host, host) && (pattern.port === '*' || (pattern.port ?? own) === port),
    );
  }
}

function matches(pattern: string, host: string): boolean {
  if (pattern === '*') return true;
  return pattern.startsWith('*.')
    ? host.endsWith(pattern.slice(1)) && host.length > pattern.length - 1
    : host === pattern;
}
