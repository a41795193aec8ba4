import { broken } from '../sound.ts';

/** Has three slots and one prompt buffer. */
export default broken((sound) => {
  let running = 0;
  return {
    async *chat(request, call) {
      running++;
      try {
        const content = `${request.messages[0]?.content ?? ''}${running > 1 ? ' and the other prompt' : ''}`;
        const messages = request.messages.length > 0 ? [{ role: 'user', content } as const] : [];
        yield* sound.chat({ ...request, messages }, call);
      } finally {
        running--;
      }
    },
  };
});
