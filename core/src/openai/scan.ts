import { Failure } from '../sdk/index.ts';

/** Where a value stands in the bytes of a body: `start` is its first byte, `end` the one after its last. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** The top level of a JSON object, found without parsing what is in it. */
export interface Scan {
  readonly members: ReadonlyMap<string, Span>;
  /** Right after the opening brace: where members can be added. */
  readonly inside: number;
}

/** Levels of nesting that a request may have: far above what clients send, far below what exhausts a stack. */
const depthLimit = 64;

const quote = 0x22;
const backslash = 0x5c;

/**
 * Finds the members of the object that a body is, in one pass that skips strings natively: tens of µs for a 5 MB image,
 * where parsing takes milliseconds. Checks only what it needs to find its way. Throws `invalid_request`, also for what
 * is nested too deep and for a member that comes twice: who reads the first and who reads the last would see two
 * different requests.
 */
export function scan(bytes: Buffer): Scan {
  const members = new Map<string, Span>();
  let at = space(bytes, 0);
  if (bytes[at] !== 0x7b) throw broken();
  const inside = at + 1;
  at = space(bytes, inside);
  if (bytes[at] === 0x7d) return finish(bytes, at, members, inside);
  for (;;) {
    if (bytes[at] !== quote) throw broken();
    const keyEnd = string(bytes, at);
    const name = keyOf(bytes, at, keyEnd);
    at = space(bytes, keyEnd);
    if (bytes[at] !== 0x3a) throw broken();
    const start = space(bytes, at + 1);
    const end = value(bytes, start);
    if (members.has(name)) {
      throw new Failure('invalid_request', 'The request body has the same field twice.', { param: name.slice(0, 64) });
    }
    members.set(name, { start, end });
    at = space(bytes, end);
    if (bytes[at] === 0x7d) return finish(bytes, at, members, inside);
    if (bytes[at] !== 0x2c) throw broken();
    at = space(bytes, at + 1);
  }
}

function finish(bytes: Buffer, at: number, members: ReadonlyMap<string, Span>, inside: number): Scan {
  if (space(bytes, at + 1) !== bytes.length) throw broken();
  return { members, inside };
}

/** A key may spell its letters as escapes: what counts is what a parser would read. */
function keyOf(bytes: Buffer, start: number, end: number): string {
  const raw = bytes.toString('utf8', start + 1, end - 1);
  return raw.includes('\\') ? parsed(`"${raw}"`) : raw;
}

function parsed(text: string): string {
  try {
    return JSON.parse(text) as string;
  } catch {
    throw broken();
  }
}

/** The string value of a member; undefined when it is none. */
export function stringAt(bytes: Buffer, span: Span | undefined): string | undefined {
  if (!span || bytes[span.start] !== quote) return undefined;
  return parsed(bytes.toString('utf8', span.start, span.end));
}

/** Whether a member is the literal `true`. */
export function trueAt(bytes: Buffer, span: Span | undefined): boolean {
  return span !== undefined && span.end - span.start === 4 && bytes[span.start] === 0x74;
}

/** The value of a member that is `true` or `false`; undefined when it is neither. */
export function booleanAt(bytes: Buffer, span: Span): boolean | undefined {
  if (trueAt(bytes, span)) return true;
  return span.end - span.start === 5 && bytes[span.start] === 0x66 ? false : undefined;
}

function space(bytes: Buffer, from: number): number {
  let at = from;
  for (;;) {
    const byte = bytes[at];
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return at;
    at++;
  }
}

/** From an opening quote to after the closing one. */
function string(bytes: Buffer, from: number): number {
  let at = from;
  // Most are short, as keys are: the native search costs more than going to their end.
  for (const near = from + 16; at < near; at++) {
    const byte = bytes[at + 1];
    if (byte === quote) return at + 2;
    if (byte === backslash) break;
  }
  for (;;) {
    at = bytes.indexOf(quote, at + 1);
    if (at === -1) throw broken();
    let escapes = 0;
    while (bytes[at - 1 - escapes] === backslash) escapes++;
    if (escapes % 2 === 0) return at + 1;
  }
}

function value(bytes: Buffer, from: number): number {
  const first = bytes[from];
  if (first === quote) return string(bytes, from);
  if (first !== 0x7b && first !== 0x5b) return literal(bytes, from);
  let depth = 0;
  let at = from;
  for (;;) {
    const byte = bytes[at];
    if (byte === undefined) throw broken();
    if (byte === quote) {
      at = string(bytes, at);
      continue;
    }
    if (byte === 0x7b || byte === 0x5b) {
      // With the object around it.
      if (++depth >= depthLimit) throw tooDeep();
    } else if ((byte === 0x7d || byte === 0x5d) && --depth === 0) return at + 1;
    at++;
  }
}

function literal(bytes: Buffer, from: number): number {
  let at = from;
  while (inLiteral(bytes[at])) at++;
  if (at === from) throw broken();
  return at;
}

/** Letters, digits, sign, point. */
function inLiteral(byte = 0): boolean {
  return (
    (byte >= 0x61 && byte <= 0x7a) ||
    (byte >= 0x30 && byte <= 0x39) ||
    (byte >= 0x41 && byte <= 0x5a) ||
    byte === 0x2b ||
    byte === 0x2d ||
    byte === 0x2e ||
    byte === 0x5f
  );
}

function tooDeep(): Failure {
  return new Failure('invalid_request', `The request body is nested more than ${depthLimit} levels deep.`);
}

function broken(): Failure {
  return new Failure('invalid_request', 'The request body could not be read: it is not valid JSON.');
}
