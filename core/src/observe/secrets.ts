/** Lower-case names of fields that would hold a key. */
const names: ReadonlySet<string> = new Set([
  'authorization',
  'proxy-authorization',
  'x-api-key',
  'cookie',
  'key',
  'keys',
  'api_key',
  'apikey',
  'token',
  'secret',
  'password',
]);

/** Log fields are shallow; the bound only ends a walk through something cyclic. */
const maxDepth = 8;

/**
 * `value` with every field blanked that is named like a secret, at any depth; `value` itself when there is none.
 * Written here since pino's own `redact` with wildcards makes a line 17 times as dear (86 us against 5).
 */
export function withoutSecrets<T extends object>(value: T, depth = 0): T {
  let copy: Record<string, unknown> | undefined;
  for (const name of Object.keys(value)) {
    const inner = (value as Record<string, unknown>)[name];
    const clean = isSecret(name)
      ? '[redacted]'
      : walkable(inner) && depth < maxDepth
        ? withoutSecrets(inner, depth + 1)
        : inner;
    if (clean === inner) continue;
    copy ??= (Array.isArray(value) ? [...value] : { ...value }) as Record<string, unknown>;
    copy[name] = clean;
  }
  return (copy ?? value) as T;
}

/** Names of fields come from code and are few; remembered, since making one lower-case costs more than all else here. */
function isSecret(name: string): boolean {
  let secret = seen.get(name);
  if (secret === undefined) {
    secret = names.has(name.toLowerCase());
    if (seen.size < 1_000) seen.set(name, secret);
  }
  return secret;
}

const seen = new Map<string, boolean>();

/** Plain data; an error or a buffer has a form of its own. */
function walkable(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return true;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
