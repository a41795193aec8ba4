import { brokenChat } from '../sound.ts';

/** Computes and says nothing of it. */
export default brokenChat(async function* (events) {
  for await (const event of events) if (event.type !== 'text') yield event;
});
