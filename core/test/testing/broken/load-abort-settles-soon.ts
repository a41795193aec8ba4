import { broken } from '../sound.ts';

/** An aborted load is never heard of again. */
export default broken((sound) => ({
  load: async (signal) => {
    await new Promise((resolve) => setTimeout(resolve, 10));
    return signal.aborted ? new Promise(() => {}) : sound.load(signal);
  },
}));
