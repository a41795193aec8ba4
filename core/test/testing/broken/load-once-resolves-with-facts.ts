import { broken } from '../sound.ts';

/** Loads only when it is asked twice. */
export default broken((sound) => {
  let loads = 0;
  return {
    load: async (signal) => {
      signal.throwIfAborted();
      if (++loads === 1) throw new Error('The engine is warming up, try again');
      return sound.load(signal);
    },
  };
});
