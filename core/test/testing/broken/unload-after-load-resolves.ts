import { broken } from '../sound.ts';

/** Warms a cache after its first answer, and waits in unload for a cache that is not warm. */
export default broken((sound) => {
  let answers = 0;
  return {
    async *chat(request, call) {
      answers++;
      yield* sound.chat(request, call);
    },
    unload: async () => {
      if (answers === 1) await new Promise(() => {});
    },
  };
});
