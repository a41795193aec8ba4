import { broken } from '../sound.ts';

/** Loads, and then can do nothing. */
export default broken(
  () => ({ chat: undefined, complete: undefined, embed: undefined, transcribe: undefined }) as object,
);
