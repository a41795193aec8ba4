import { isUtf8 } from 'node:buffer';
import type { z } from 'zod';
import { Failure } from '../sdk/index.ts';

/** Reads a body as JSON object. Throws `invalid_request`. How deep it is, `scan` has seen. */
export function parseJson(bytes: Buffer): Record<string, unknown> {
  if (!isUtf8(bytes)) throw unreadable('it is not valid UTF-8');
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString());
  } catch {
    throw unreadable('it is not valid JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Failure('invalid_request', 'The request body must be a JSON object.');
  }
  return value as Record<string, unknown>;
}

function unreadable(why: string): Failure {
  return new Failure('invalid_request', `The request body could not be read: ${why}.`);
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
