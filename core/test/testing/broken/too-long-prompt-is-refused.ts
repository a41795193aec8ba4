import { broken } from '../sound.ts';

/** Drops the beginning of a prompt that does not fit, and tells nobody. */
export default broken((sound) => ({
  chat: (request, call) => {
    const messages = request.messages.map(({ role, content }) => ({ role, content: String(content).slice(-200) }));
    return sound.chat({ ...request, messages }, call);
  },
}));
