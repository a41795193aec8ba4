import type { RawRequest } from '../sdk/index.ts';

/** Tasks whose request says whether the reply is a stream. */
const streamable: ReadonlySet<string> = new Set(['chat', 'complete', 'respond']);

/** Whether the client gets server-sent events or nothing. */
export function wantsStream({ stream, task }: RawRequest): boolean {
  return stream && streamable.has(task);
}

/** How a reply of this type is passed on: event by event, gathered and checked, or as it comes. Undefined: not at all. */
export function modeFor(type: string, request: RawRequest): 'events' | 'gather' | 'pass' | undefined {
  const streams = wantsStream(request);
  const transcript = request.task === 'transcribe';
  if (type.startsWith('text/event-stream')) return streams || transcript ? 'events' : undefined;
  if (streams) return undefined;
  if (type.startsWith('application/json')) return 'gather';
  return transcript && /^text\/(?:plain|vtt)|^application\/x-subrip/.test(type) ? 'pass' : undefined;
}

/** A header's value that may be sent on. */
export function printable(value: string): string {
  return /[^\x20-\x7e]/.test(value) ? value.replace(/[^\x20-\x7e]/g, '') : value;
}
