import { brokenChat } from '../sound.ts';

/** Flushes a rest of its text after the finish. */
export default brokenChat(async function* (events) {
  for await (const event of events) {
    yield event;
    if (event.type === 'finish') yield { type: 'text', text: 'and more', tokens: 0 };
  }
});
