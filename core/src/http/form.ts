import { Failure } from '../sdk/index.ts';

/** A piece of a form, in order: bytes to pass on, or its whole field `model` with the delimiter in front of it. */
export type FormPiece =
  | { readonly type: 'bytes'; readonly bytes: Buffer }
  | { readonly type: 'model'; readonly value: string };

/** Longest head of a part, and longest name of a model. Bytes. */
const headLimit = 16 * 1024;
const nameLimit = 1_024;

const crlf = Buffer.from('\r\n');
const blank = Buffer.from('\r\n\r\n');

/**
 * Reads a multipart form (RFC 7578) while it arrives and takes its field `model` out. Strict, because the server behind
 * reads the rest again and must not find another name in it. Throws `invalid_request`.
 */
export class FormReader {
  readonly #delimiter: Buffer;
  // The first delimiter has no line break in front of it, all others do.
  #pending: Buffer = crlf;
  #part: 'passed' | 'model' | 'over' = 'passed';
  #named = false;

  constructor(boundary: string) {
    this.#delimiter = Buffer.from(`\r\n--${boundary}`);
  }

  push(chunk: Buffer): readonly FormPiece[] {
    if (this.#part === 'over') return [{ type: 'bytes', bytes: chunk }];
    this.#pending = Buffer.concat([this.#pending, chunk]);
    const pieces: FormPiece[] = [];
    while (this.#step(pieces));
    return pieces;
  }

  /** What is left when the form has ended, whole or not: that is for the server behind to judge. */
  end(): readonly FormPiece[] {
    if (this.#part === 'model') throw unreadable('ends within its field model');
    const bytes = this.#pending;
    return bytes.length > 0 ? [{ type: 'bytes', bytes }] : [];
  }

  /** Takes one part's content off the front, or what is certainly a piece of it. Returns whether there may be more. */
  #step(pieces: FormPiece[]): boolean {
    const pending = this.#pending;
    const at = pending.indexOf(this.#delimiter);
    if (at === -1) {
      if (this.#part === 'model') {
        if (pending.length > nameLimit + this.#delimiter.length) throw unreadable('has a field model without end');
        return false;
      }
      // All but what may be the beginning of a delimiter.
      this.#pass(pieces, Math.max(0, pending.length - this.#delimiter.length + 1));
      return false;
    }
    const head = at + this.#delimiter.length;
    if (pending.length < head + 2) return false;
    const last = pending[head] === 0x2d && pending[head + 1] === 0x2d;
    const headEnd = last ? head : pending.indexOf(blank, head);
    if (headEnd === -1) {
      if (pending.length - head > headLimit) throw unreadable('has a part with a head without end');
      return false;
    }
    if (!last && pending.indexOf(crlf, head) !== head) throw unreadable('has text behind a boundary');
    this.#close(pieces, at);
    if (last) {
      this.#part = 'over';
      this.#pass(pieces, this.#pending.length);
      return false;
    }
    const length = headEnd - at + blank.length;
    if (isModel(pending.toString('latin1', head + crlf.length, headEnd))) {
      if (this.#named) throw unreadable('names its model twice');
      this.#named = true;
      this.#part = 'model';
      this.#pending = this.#pending.subarray(length);
    } else {
      this.#part = 'passed';
      this.#pass(pieces, length);
    }
    return true;
  }

  /** The part ends before `at`. */
  #close(pieces: FormPiece[], at: number): void {
    if (this.#part === 'model') {
      pieces.push({ type: 'model', value: this.#pending.toString('utf8', 0, at) });
      this.#pending = this.#pending.subarray(at);
    } else this.#pass(pieces, at);
  }

  #pass(pieces: FormPiece[], length: number): void {
    if (length === 0) return;
    pieces.push({ type: 'bytes', bytes: this.#pending.subarray(0, length) });
    this.#pending = this.#pending.subarray(length);
  }
}

const parameter = /;\s*([\w*-]+)=(?:"((?:\\.|[^"\\])*)"|([^\s;"]+))/gy;

/** Whether the head of a part is that of the field `model`. */
function isModel(head: string): boolean {
  const dispositions = head.split('\r\n').filter((line) => /^content-disposition:/i.test(line));
  const [line] = dispositions;
  const value = /^[^:]+:\s*form-data\s*(.*?)\s*$/i.exec(line ?? '')?.[1];
  if (value === undefined || dispositions.length > 1 || /\r\n[ \t]/.test(head)) {
    throw unreadable('has a part without a plain Content-Disposition: form-data');
  }
  const parameters = new Map<string, string>();
  let end = 0;
  for (const { 0: text, 1: name = '', 2: quoted, 3: bare, index } of value.matchAll(parameter)) {
    if (index !== end || parameters.has(name.toLowerCase())) break;
    parameters.set(name.toLowerCase(), quoted ?? bare ?? '');
    end += text.length;
  }
  const name = parameters.get('name');
  // Another spelling of a name could be read as `model` behind.
  if (end !== value.length || name === undefined || parameters.has('name*') || name.includes('\\')) {
    throw unreadable('has a part whose name cannot be read');
  }
  return name === 'model';
}

function unreadable(what: string): Failure {
  return new Failure('invalid_request', `The form ${what}.`);
}
