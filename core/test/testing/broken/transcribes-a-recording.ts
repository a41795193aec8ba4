import { broken } from '../sound.ts';

/** Its segments come in no order. */
export default broken((sound) => ({
  transcribe: async (request) => {
    const transcript = await sound.transcribe(request);
    return { ...transcript, segments: transcript.segments?.toReversed() ?? [] };
  },
}));
