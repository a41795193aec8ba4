import { broken } from '../sound.ts';

/** Declares seed, and draws without it. */
export default broken((sound) => ({ chat: ({ seed: _, ...request }, call) => sound.chat(request, call) }));
