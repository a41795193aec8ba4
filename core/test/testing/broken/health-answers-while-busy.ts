import { broken } from '../sound.ts';

/** Calls itself failed whenever it is busy. */
export default broken((sound) => {
  let running = 0;
  return {
    health: () => (running > 0 ? { status: 'failed', reason: 'The engine does not answer' } : { status: 'ready' }),
    async *chat(request, call) {
      running++;
      try {
        yield* sound.chat(request, call);
      } finally {
        running--;
      }
    },
  };
});
