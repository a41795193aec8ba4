import { isMainThread } from 'node:worker_threads';
import { broken } from '../sound.ts';

/** Finds other settings in a thread than in the server. */
export default broken((sound) => ({
  async *chat(request, call) {
    const [first, ...rest] = request.messages;
    const messages = first && !isMainThread ? [{ ...first, content: `${first.content} in a thread` }, ...rest] : [];
    yield* sound.chat(isMainThread ? request : { ...request, messages }, call);
  },
}));
