import { brokenChat } from '../sound.ts';

/** Says that the prompt is computed when the answer is already under way. */
export default brokenChat(async function* (events) {
  let late: { readonly type: 'started'; readonly promptTokens: number } | undefined;
  for await (const event of events) {
    if (event.type === 'started') late = event;
    else yield event;
    if (event.type !== 'text' || !late) continue;
    yield late;
    late = undefined;
  }
});
