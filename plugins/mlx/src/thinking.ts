import type { ChatEvent } from '@backplane/core/sdk';

/**
 * Puts the tags back that `mlx_lm.server` takes away when it tells reasoning from text. The core finds them in the text
 * as for every other engine, with the newlines around them, so that one model says the same in each of them.
 */
export async function* withTags(events: AsyncIterable<ChatEvent>): AsyncGenerator<ChatEvent, void, undefined> {
  let thinking = false;
  for await (const event of events) {
    if (event.type === 'reasoning') {
      yield { ...event, type: 'text', text: thinking ? event.text : `<think>${event.text}` };
      thinking = true;
    } else if (thinking && (event.type === 'text' || event.type === 'tool_call')) {
      thinking = false;
      yield { type: 'text', text: '</think>' };
      yield event;
    } else yield event;
  }
}
