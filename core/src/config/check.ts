import type { z } from 'zod';
import type { Problem } from './problem.ts';
import type { Path, Source } from './source.ts';
import { didYouMean } from './suggestion.ts';

type Issue = z.core.$ZodIssue;
type RawIssue = z.core.$ZodRawIssue;

/** A value that fits its schema, or what is wrong with it. */
export type Checked<T> =
  | { readonly ok: true; readonly value: T; readonly problems: readonly [] }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/**
 * Holds the part of the file at `path` against a schema. A value that is one variable and nothing else, and that the
 * schema wants as a number or a boolean, is read as one.
 */
export async function check<S extends z.ZodType>(schema: S, source: Source, path: Path): Promise<Checked<z.output<S>>> {
  // Messages written here hold no value; those of a plugin's own checks may, and are masked.
  const ours = new Set<string>();
  const error = (issue: RawIssue): string | undefined => {
    const known = !source.variable([...path, ...(issue.path ?? [])]);
    const message = sentence(issue, known);
    if (message !== undefined) ours.add(message);
    return message;
  };
  for (;;) {
    let issues: Issue[];
    try {
      const result = await schema.safeParseAsync(source.at(path) ?? {}, { error: error as z.core.$ZodErrorMap });
      if (result.success) return { ok: true, value: result.data, problems: [] };
      issues = result.error.issues.flatMap((issue) => flatten(issue, [], ours));
    } catch (thrown) {
      const reason = source.mask(thrown instanceof Error ? thrown.message : String(thrown));
      return { ok: false, problems: [source.problem(path, `its check failed: ${reason}`)] };
    }
    if (issues.filter((issue) => coerce(issue, source, path)).length > 0) continue;
    return { ok: false, problems: issues.flatMap((issue) => problems(issue, source, path, ours)) };
  }
}

/** Unknown keys of the schema's outermost object become errors, which zod would drop without a word. */
export function strict(schema: z.ZodType): z.ZodType {
  const { type, catchall } = schema._zod.def as { type: string; catchall?: unknown };
  return type === 'object' && catchall === undefined ? (schema as z.ZodObject).strict() : schema;
}

function problems(issue: Issue, source: Source, base: Path, ours: ReadonlySet<string>): Problem[] {
  const path = [...base, ...issue.path];
  if (source.variable(path)?.broken) return [];
  if (issue.code === 'unrecognized_keys') {
    const [, ...known] = issue.message.split('\n');
    // A file of nothing but unknown keys is no config: a few of them say so as well as all.
    return issue.keys.slice(0, 20).map((key) => {
      const message = `unknown key ${JSON.stringify(key)}${didYouMean(key, known)}`;
      return source.problem([...path, key], message, 'key');
    });
  }
  return [source.problem(path, ours.has(issue.message) ? issue.message : source.mask(issue.message))];
}

/** Takes an issue of a union apart where only one of its branches can have been meant. */
function flatten(issue: Issue, prefix: Path, ours: ReadonlySet<string>): Issue[] {
  const path = [...prefix, ...issue.path];
  if (issue.code === 'invalid_union' && ours.has(issue.message) && issue.errors.length > 0) {
    const meant = issue.errors.filter(
      (branch) => !branch.some(({ path, code }) => code === 'invalid_type' && !path.length),
    );
    const [only] = meant;
    if (meant.length === 1 && only) return only.flatMap((nested) => flatten(nested, path, ours));
    const reasons = new Set(issue.errors.flatMap((branch) => branch.map(({ message }) => message)));
    return [{ ...issue, path, message: [...reasons].join(', or ') }];
  }
  if ((issue.code === 'invalid_key' || issue.code === 'invalid_element') && issue.issues.length > 0) {
    return [{ ...issue, path, message: issue.issues.map(({ message }) => message).join(', ') }];
  }
  return [{ ...issue, path }];
}

function coerce(issue: Issue, source: Source, base: Path): boolean {
  const path = [...base, ...issue.path];
  const value = source.at(path);
  if (typeof value !== 'string' || !source.variable(path)?.whole) return false;
  const wanted = issue.code === 'invalid_type' ? issue.expected : issue.code === 'invalid_union' ? 'any' : undefined;
  if (wanted === undefined || wanted === 'string') return false;
  const plain = value.trim();
  if (wanted !== 'boolean' && /^-?\d+(?:\.\d+)?$/.test(plain)) source.set(path, Number(plain));
  else if ((wanted === 'boolean' || wanted === 'any') && /^(?:true|false)$/.test(plain))
    source.set(path, plain === 'true');
  else return false;
  return true;
}

const nouns: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a map',
  record: 'a map',
  array: 'a list',
  null: 'empty',
};

/** zod's issue as a sentence about the value; `known`: the value stands in the file and may be quoted. */
function sentence(issue: RawIssue, known: boolean): string | undefined {
  switch (issue.code) {
    case 'invalid_type': {
      if (issue.input === undefined && !(issue.expected in nouns)) return 'is missing';
      const wanted = nouns[issue.expected] ?? issue.expected;
      return issue.input === undefined ? `is missing; it must be ${wanted}` : `must be ${wanted}`;
    }
    case 'invalid_value': {
      const values = issue.values.map(String);
      const hint = known && typeof issue.input === 'string' ? didYouMean(issue.input, values) : '';
      const wanted = `must be ${values.length > 1 ? 'one of ' : ''}${values.join(', ')}`;
      return `${issue.input === undefined ? 'is missing; it ' : ''}${wanted}${hint}`;
    }
    case 'too_small':
    case 'too_big': {
      const small = issue.code === 'too_small';
      const limit = small ? issue.minimum : issue.maximum;
      const bound = issue.inclusive === false ? (small ? 'more than' : 'less than') : small ? 'at least' : 'at most';
      const unit = { string: 'character', array: 'entry', set: 'entry', map: 'entry' }[issue.origin as string];
      if (unit === undefined) return `must be ${bound} ${limit}`;
      return limit === 1 && small ? 'must not be empty' : `must have ${bound} ${limit} ${unit.replace(/y$/, 'ie')}s`;
    }
    case 'unrecognized_keys': {
      const shape = (issue.inst?._zod.def as { shape?: object } | undefined)?.shape ?? {};
      return ['unknown key', ...Object.keys(shape)].join('\n');
    }
    case 'invalid_union':
      return 'fits none of the forms that are allowed here';
    default:
      return undefined;
  }
}
