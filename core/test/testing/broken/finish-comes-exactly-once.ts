import { brokenChat } from '../sound.ts';

/** Ends like an answer that was cut off. */
export default brokenChat(async function* (events) {
  for await (const event of events) if (event.type !== 'finish') yield event;
});
