import { broken } from '../sound.ts';

/** Half of what an aborted call had computed stays in its cache and is read by the calls after it. */
export default broken((sound) => {
  let left = 0;
  return {
    async *chat(request, call) {
      const prompt = request.messages[0]?.content ?? '';
      const dirty = left >= 3 ? [{ role: 'user', content: `${prompt} ${left}` } as const] : request.messages;
      try {
        yield* sound.chat({ ...request, messages: dirty }, call);
      } finally {
        if (call.signal.aborted) left++;
      }
    },
  };
});
