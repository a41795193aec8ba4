import { broken } from '../sound.ts';

/** Trips over a request it did not expect. */
export default broken((sound) => ({
  async *chat(request, call) {
    if (request.messages.length === 0) throw new TypeError("Cannot read properties of undefined (reading 'content')");
    yield* sound.chat(request, call);
  },
}));
