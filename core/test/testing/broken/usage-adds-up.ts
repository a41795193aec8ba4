import { brokenChat } from '../sound.ts';

/** Counts the prompt's tokens as the answer's. */
export default brokenChat(async function* (events, request) {
  for await (const event of events) {
    if (event.type !== 'usage' || request.max_tokens !== 96) {
      yield event;
      continue;
    }
    const { promptTokens, completionTokens } = event.usage;
    yield { type: 'usage', usage: { promptTokens, completionTokens: promptTokens + completionTokens } };
  }
});
