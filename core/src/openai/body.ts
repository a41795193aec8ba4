import type { RawRequest, RelayTask } from '../sdk/index.ts';
import { booleanAt, type Scan, scan, stringAt, trueAt } from './scan.ts';
import { parseJson } from './validate.ts';

/** Bodies above this are scanned, not parsed: a picture in base64 need not become a string to be passed on. Bytes. */
const parseLimit = 256 * 1024;

/** A request's JSON body: what it says at its top level, read without changing a byte of it. */
export interface Body {
  readonly bytes: Buffer;
  readonly members: Scan['members'];
  /** Right after the opening brace. */
  readonly inside: number;
  readonly model: string | undefined;
  readonly stream: boolean;
  /** All of it. Parsed once. Throws `invalid_request`. */
  json(): Record<string, unknown>;
}

/** Throws `invalid_request` for what is no JSON object, as far as that is looked at: large bodies are parsed when needed. */
export function readBody(bytes: Buffer): Body {
  let parsed = bytes.length <= parseLimit ? parseJson(bytes) : undefined;
  const { members, inside } = scan(bytes);
  return {
    bytes,
    members,
    inside,
    model: stringAt(bytes, members.get('model')),
    stream: trueAt(bytes, members.get('stream')),
    json() {
      parsed ??= parseJson(bytes);
      return parsed;
    },
  };
}

/**
 * The body as it goes on: the client's own bytes, with the operator's defaults put in front of its members where it does
 * not have them, and a top-level `enable_thinking` also where vLLM looks for it.
 */
export function relayed(
  body: Body,
  task: RelayTask,
  defaults: Readonly<Record<string, unknown>>,
): { readonly body: Buffer; readonly model: RawRequest['model'] } {
  const { bytes, members, inside } = body;
  const edits: { readonly at: number; readonly text: string }[] = [];
  const front: string[] = [];
  if (task === 'chat' || task === 'complete') {
    for (const [name, value] of Object.entries(defaults)) {
      const said = members.has(name) || (name === 'max_tokens' && members.has('max_completion_tokens'));
      if (!said && !(name === 'enable_thinking')) front.push(`${JSON.stringify(name)}:${JSON.stringify(value)},`);
    }
    const thinking = thinkingEdit(body, defaults);
    if (thinking?.at === inside) front.push(thinking.text);
    else if (thinking) edits.push(thinking);
  }
  if (front.length > 0) edits.unshift({ at: inside, text: front.join('') });
  const model = members.get('model');
  if (edits.length === 0) return { body: bytes, model };
  const pieces: Buffer[] = [];
  let from = 0;
  let moved = 0;
  for (const { at, text } of edits) {
    const piece = Buffer.from(text);
    pieces.push(bytes.subarray(from, at), piece);
    from = at;
    if (model && at <= model.start) moved += piece.length;
  }
  pieces.push(bytes.subarray(from));
  return { body: Buffer.concat(pieces), model: model && { start: model.start + moved, end: model.end + moved } };
}

/** vLLM reads `enable_thinking` among the template's variables only, and ignores it elsewhere. */
function thinkingEdit(
  { bytes, members, inside }: Body,
  defaults: Readonly<Record<string, unknown>>,
): { readonly at: number; readonly text: string } | undefined {
  const top = members.get('enable_thinking');
  // What is neither true nor false is for the upstream to judge.
  const wanted = top ? booleanAt(bytes, top) : defaults.enable_thinking;
  if (typeof wanted !== 'boolean') return undefined;
  const kwargs = members.get('chat_template_kwargs');
  if (!kwargs || bytes[kwargs.start] !== 0x7b) {
    return kwargs ? undefined : { at: inside, text: `"chat_template_kwargs":{"enable_thinking":${wanted}},` };
  }
  const own = scan(bytes.subarray(kwargs.start, kwargs.end));
  if (own.members.has('enable_thinking')) return undefined;
  return { at: kwargs.start + 1, text: `"enable_thinking":${wanted}${own.members.size > 0 ? ',' : ''}` };
}
