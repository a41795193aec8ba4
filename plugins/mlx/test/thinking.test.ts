import type { ChatEvent } from '@backplane/core/sdk';
import { expect, test } from 'vitest';
import { withTags } from '../src/thinking.ts';

async function tagged(...events: ChatEvent[]): Promise<string> {
  const out: string[] = [];
  for await (const event of withTags(each(events))) {
    if (event.type === 'text') out.push(event.text);
    else out.push(`[${event.type}]`);
  }
  return out.join('');
}

async function* each(events: readonly ChatEvent[]): AsyncGenerator<ChatEvent> {
  yield* events;
}

const thought = (text: string): ChatEvent => ({ type: 'reasoning', text });
const text = (text: string): ChatEvent => ({ type: 'text', text });
const finish: ChatEvent = { type: 'finish', reason: 'stop' };

test.each<[string, ChatEvent[]]>([
  ['a[finish]', [text('a'), finish]],
  ['<think>\nab\n</think>\n\nc[finish]', [thought('\na'), thought('b\n'), text('\n\nc'), finish]],
  ['<think>a</think>[tool_call][finish]', [thought('a'), { type: 'tool_call', index: 0, name: 'f' }, finish]],
  // Cut in the middle of a thought: it has no end.
  ['<think>a[finish]', [thought('a'), finish]],
  ['<think>a</think>b<think>c</think>d[finish]', [thought('a'), text('b'), thought('c'), text('d'), finish]],
])('%s', async (expected, events) => {
  expect(await tagged(...events)).toBe(expected);
});
