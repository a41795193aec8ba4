import { broken } from '../sound.ts';

/** Looks at the signal before it begins, and then computes for two seconds whatever happens. */
export default broken((sound) => ({
  async *chat(request, call) {
    call.signal.throwIfAborted();
    const deaf = { ...call, signal: new AbortController().signal };
    for await (const event of sound.chat(request, deaf)) {
      if (call.signal.aborted && event.type === 'text') await new Promise((resolve) => setTimeout(resolve, 100));
      yield event;
    }
  },
}));
