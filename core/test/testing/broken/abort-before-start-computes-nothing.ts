import { brokenChat } from '../sound.ts';

/** Looks at the signal only after a piece of its answer. */
export default brokenChat(async function* (events, _, { signal }) {
  if (signal.aborted) yield { type: 'text', text: 'one ', tokens: 1 };
  yield* events;
});
