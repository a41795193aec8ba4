import { broken } from '../sound.ts';

/** The embedding of an input depends on what is embedded with it. */
export default broken((sound) => ({
  embed: (request) => {
    const input = request.input.map((text) => `${text}${request.input.length}`);
    return sound.embed({ ...request, input });
  },
}));
