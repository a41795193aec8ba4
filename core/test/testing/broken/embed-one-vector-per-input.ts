import { broken } from '../sound.ts';

/** Computes equal inputs once, and answers them once. */
export default broken((sound) => ({
  embed: (request) => sound.embed({ ...request, input: [...new Set(request.input)] }),
}));
