import { broken } from '../sound.ts';

/** Gives one token more than it may. */
export default broken((sound) => ({
  chat: ({ max_tokens = 1_000, ...request }, call) => sound.chat({ ...request, max_tokens: max_tokens + 1 }, call),
}));
