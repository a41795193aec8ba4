import { broken } from '../sound.ts';

/** Declares response_format, and answers in prose. */
export default broken((sound) => ({
  chat: ({ response_format: _, ...request }, call) => sound.chat(request, call),
}));
