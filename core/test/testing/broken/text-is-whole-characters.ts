import { brokenChat } from '../sound.ts';

/** Decodes each token alone, so that a character of two tokens becomes two replacement characters. */
export default brokenChat(async function* (events) {
  for await (const event of events) {
    if (event.type !== 'text' || !event.text.includes('你')) {
      yield event;
      continue;
    }
    const bytes = Buffer.from(event.text);
    yield { ...event, text: bytes.subarray(0, 1).toString(), tokens: 0, ...(event.logprobs && { logprobs: [] }) };
    yield { ...event, text: bytes.subarray(1).toString() };
  }
});
