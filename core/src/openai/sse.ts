/** Frames of a server-sent event stream (WHATWG HTML §9.2), as OpenAI uses it: `data:` only, `[DONE]` at the end. */
export const done = 'data: [DONE]\n\n';

/** A comment: no client sees it, every proxy does. */
export const keepAlive = ': keep-alive\n\n';

/** `json` has no line break, as JSON.stringify writes it. */
export function frame(json: string): string {
  return `data: ${json}\n\n`;
}
