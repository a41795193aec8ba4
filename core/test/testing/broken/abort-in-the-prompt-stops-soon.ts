import { broken } from '../sound.ts';

/** Computes a long prompt in one go. */
export default broken((sound) => ({
  async *chat(request, call) {
    const long = JSON.stringify(request.messages).length > 200;
    if (long) await new Promise((resolve) => setTimeout(resolve, 2_000));
    yield* sound.chat(request, call);
  },
}));
