import { brokenChat } from '../sound.ts';

/** Declares logprobs, and gives probabilities. */
export default brokenChat(async function* (events) {
  for await (const event of events) {
    if (event.type !== 'text' || !event.logprobs) yield event;
    else yield { ...event, logprobs: event.logprobs.map((known) => ({ ...known, logprob: Math.exp(known.logprob) })) };
  }
});
