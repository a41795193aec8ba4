import type { z } from 'zod';
import { Failure } from '../sdk/index.ts';

/** Levels of nesting that a request may have: far above what clients send, far below what exhausts a stack. */
const depthLimit = 64;

/** Reads a body as JSON object. Throws `invalid_request`. */
export function parseJson(bytes: Uint8Array): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(bytes));
  } catch (thrown) {
    const why = thrown instanceof SyntaxError ? 'it is not valid JSON' : 'it is not valid UTF-8';
    throw new Failure('invalid_request', `The request body could not be read: ${why}.`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Failure('invalid_request', 'The request body must be a JSON object.');
  }
  if (deeperThan(value, depthLimit)) {
    throw new Failure('invalid_request', `The request body is nested more than ${depthLimit} levels deep.`);
  }
  return value as Record<string, unknown>;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function deeperThan(value: unknown, limit: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (limit === 0) return true;
  for (const key in value) if (deeperThan((value as Record<string, unknown>)[key], limit - 1)) return true;
  return false;
}

/** Checks a body against a schema. Throws `invalid_request` that names the first field at fault in OpenAI's way: `messages[0].role`. */
export function validate<S extends z.ZodType>(schema: S, body: unknown): z.output<S> {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const issue = deepest(result.error.issues[0] as z.core.$ZodIssue);
  const param = fieldName(issue.path);
  throw new Failure('invalid_request', param ? `Invalid value for ${param}: ${issue.message}.` : `${issue.message}.`, {
    ...(param && { param }),
  });
}

/** Of a union that matched nothing, the complaint of the branch that came furthest. */
function deepest(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  if (issue.code !== 'invalid_union') return issue;
  let best: z.core.$ZodIssue | undefined;
  for (const branch of issue.errors) {
    const first = branch[0];
    if (!first) continue;
    const inner = deepest({ ...first, path: [...issue.path, ...first.path] } as z.core.$ZodIssue);
    if (!best || inner.path.length > best.path.length) best = inner;
  }
  return best && best.path.length > issue.path.length ? best : issue;
}

function fieldName(path: readonly PropertyKey[]): string {
  let name = '';
  for (const step of path)
    name += typeof step === 'number' ? `[${step}]` : name === '' ? String(step) : `.${String(step)}`;
  return name.slice(0, 200);
}
