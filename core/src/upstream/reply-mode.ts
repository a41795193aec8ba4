import type { RawRequest } from '../sdk/index.ts';

/** How a reply of this type is passed on: event by event, gathered and checked, or as it comes. Undefined: not at all. */
export function modeFor(type: string, request: RawRequest): 'events' | 'gather' | 'pass' | undefined {
  const { stream, task } = request;
  const transcript = task === 'transcribe';
  if (type.startsWith('text/event-stream')) return stream || transcript ? 'events' : undefined;
  if (stream) return undefined;
  if (type.startsWith('application/json')) return 'gather';
  return transcript && /^text\/(?:plain|vtt)|^application\/x-subrip/.test(type) ? 'pass' : undefined;
}

/** A header's value that may be sent on. */
export function printable(value: string): string {
  return /[^\x20-\x7e]/.test(value) ? value.replace(/[^\x20-\x7e]/g, '') : value;
}
