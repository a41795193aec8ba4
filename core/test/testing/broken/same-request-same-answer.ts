import { broken } from '../sound.ts';

/** Draws at random whatever the temperature is. */
export default broken((sound) => ({
  chat: (request, call) => sound.chat({ ...request, temperature: 1, seed: request.seed ?? Math.random() }, call),
}));
