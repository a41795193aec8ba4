import { hash, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Principal } from '@backplane/core/sdk';
import { keyFault, type SchemeConfig } from './config.ts';

/** A key while it is loaded; only its digest is kept. */
export interface NamedKey {
  readonly principal: Principal;
  readonly key: string;
}

/** The keys of one scheme, known by their SHA-256 alone. */
export class Keys {
  readonly #digests: readonly { readonly digest: Buffer; readonly principal: Principal }[];

  constructor(keys: readonly NamedKey[]) {
    this.#digests = keys.map(({ key, principal }) => ({ digest: sha256(Buffer.from(key, 'utf8')), principal }));
  }

  /** `presented` as node gives a header's value: one character per byte. */
  find(presented: string): Principal | undefined {
    // ASCII is the same in UTF-8, which hash() reads from a string without a buffer for it.
    const ascii = /^[\x20-\x7e]*$/.test(presented);
    const digest = sha256(ascii ? presented : Buffer.from(presented, 'latin1'));
    let found: Principal | undefined;
    // Every digest is compared whole and none ends the loop: time tells nothing about how near a guess came.
    for (const each of this.#digests) {
      if (timingSafeEqual(each.digest, digest)) found = each.principal;
    }
    return found;
  }
}

/** All keys of a scheme from config and files. Throws an error whose sentence names the key, never its value. */
export async function loadKeys(scheme: SchemeConfig, directory: string): Promise<NamedKey[]> {
  const keys: NamedKey[] = [];
  for (const { name, key, key_file, models } of scheme.keys) {
    const value = key ?? (await readText(directory, key_file ?? '', `key_file of key "${name}"`));
    add(keys, scheme, { principal: { name, ...(models !== undefined && { models }) }, key: value.trim() });
  }
  if (scheme.keys_file !== undefined) {
    const text = await readText(directory, scheme.keys_file, `keys_file of header ${scheme.header}`);
    for (const { name, key } of parseLines(text, scheme.keys_file)) add(keys, scheme, { principal: { name }, key });
  }
  return keys;
}

function add(keys: NamedKey[], scheme: SchemeConfig, added: NamedKey): void {
  const { name } = added.principal;
  const fault = keyFault(added.key);
  if (fault !== undefined) throw new Error(`Key "${name}" of header ${scheme.header} ${fault}.`);
  for (const { principal, key } of keys) {
    if (principal.name === name) throw new Error(`Two keys of header ${scheme.header} are named "${name}".`);
    if (key === added.key) {
      throw new Error(
        `Keys "${principal.name}" and "${name}" of header ${scheme.header} are the same; nobody could tell whose it is.`,
      );
    }
  }
  keys.push(added);
}

async function readText(directory: string, file: string, what: string): Promise<string> {
  try {
    return (await readFile(resolve(directory, file), 'utf8')).replace(/^\uFEFF/, '');
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    throw new Error(`Cannot read ${file}, the ${what}: ${code === 'ENOENT' ? 'there is no such file' : code}.`);
  }
}

/** Lines `name: key`; empty ones and those that begin with # are skipped. */
function* parseLines(text: string, file: string): Iterable<{ name: string; key: string }> {
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0)).trim();
    // The line is not shown: what has no colon may well be the key alone.
    if (name === '') throw new Error(`${file}:${index + 1} is not of the form "name: key".`);
    yield { name, key: line.slice(colon + 1).trim() };
  }
}

/** By way of a string: `hash` makes one three times as fast as a buffer. */
function sha256(bytes: Buffer | string): Buffer {
  return Buffer.from(hash('sha256', bytes, 'binary'), 'latin1');
}
