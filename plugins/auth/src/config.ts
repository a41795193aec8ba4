import { z } from 'zod';

/** What RFC 9110 allows in a header's name and in the name of an auth scheme. */
const tokenCharacters = "[A-Za-z0-9!#$%&'*+.^_`|~-]";

const key = z
  .strictObject({
    name: z.string().trim().min(1).describe('Who the key belongs to, as logs and metrics name them'),
    key: z.string().optional().describe('The key itself, best from an environment variable'),
    key_file: z.string().min(1).optional().describe('A file that holds the key alone, relative to config.yaml'),
    models: z.array(z.string()).optional().describe('Model ids that this key may call; absent: all, []: none'),
  })
  .superRefine((value, context) => {
    if ((value.key === undefined) === (value.key_file === undefined)) {
      context.addIssue({ code: 'custom', message: `Key "${value.name}" needs exactly one of key and key_file` });
    }
    const fault = value.key === undefined ? undefined : keyFault(value.key.trim());
    if (fault !== undefined) {
      context.addIssue({ code: 'custom', path: ['key'], message: `Key "${value.name}" ${fault}` });
    }
  });

const scheme = z
  .strictObject({
    header: z
      .string()
      .regex(new RegExp(`^${tokenCharacters}+$`), 'A header name holds letters, digits and hyphens')
      .default('Authorization'),
    prefix: z
      .string()
      .trim()
      .regex(new RegExp(`^${tokenCharacters}*$`), 'A prefix is one word, e.g. Bearer')
      .nullable()
      .optional()
      .describe('Word before the key; absent: Bearer for Authorization, else none; "" or null: none'),
    keys: z.array(key).default([]),
    keys_file: z.string().min(1).optional().describe('A file of lines "name: key", relative to config.yaml'),
  })
  .superRefine((value, context) => {
    for (const [index, { name }] of value.keys.entries()) {
      if (value.keys.findIndex((other) => other.name === name) === index) continue;
      context.addIssue({
        code: 'custom',
        path: ['keys', index, 'name'],
        message: `Two keys of header ${value.header} are named "${name}"; a name tells whose key was used`,
      });
    }
  });

export const config = z
  .strictObject({
    enabled: z.boolean().default(true).describe('false: every route answers without a key, and any key is accepted'),
    schemes: z.array(scheme).default([]),
  })
  .superRefine((value, context) => {
    const same = (a: SchemeConfig, b: SchemeConfig) =>
      a.header.toLowerCase() === b.header.toLowerCase() && prefixOf(a).toLowerCase() === prefixOf(b).toLowerCase();
    for (const [index, each] of value.schemes.entries()) {
      if (value.schemes.findIndex((other) => same(other, each)) === index) continue;
      context.addIssue({
        code: 'custom',
        path: ['schemes', index],
        message: `Two schemes read header ${each.header} with the same prefix; put their keys into one scheme`,
      });
    }
  });

type Config = z.output<typeof config>;
export type SchemeConfig = Config['schemes'][number];

/** The word before the key; empty: none. */
export function prefixOf(scheme: Pick<SchemeConfig, 'header' | 'prefix'>): string {
  if (scheme.prefix === undefined) return scheme.header.toLowerCase() === 'authorization' ? 'Bearer' : '';
  return scheme.prefix ?? '';
}

/** Why `key` can never work, as the end of a sentence that does not show it. */
export function keyFault(key: string): string | undefined {
  if (key === '') return 'is empty; set the variable or the file that it comes from';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what a header cannot carry
  if (/[\u0000-\u001f\u007f]/.test(key)) return 'has a line break or control character, which no header can carry';
  return undefined;
}
