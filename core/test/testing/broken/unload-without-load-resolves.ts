import { broken } from '../sound.ts';

/** Waits in unload for a load that never came. */
export default broken((sound) => {
  const loaded = Promise.withResolvers<void>();
  return {
    load: async (signal) => {
      // Settled even when it is aborted, so that only a load that was never asked for is missed.
      loaded.resolve();
      return sound.load(signal);
    },
    unload: () => loaded.promise,
  };
});
