/**
 * A third party's backend that looks at what a request shows it, with the media kit, and says what it saw:
 * `image/png 64x48 <sha256 of the pixels>`, or `video/mp4 96x64 3.0s 10fps 30 frames <sha256> ...` for the first and last.
 */
export const looker = `
import { createHash } from 'node:crypto';
import { decodeImage, decodeVideo, isVideo } from '@backplane/core/media';
import { definePlugin } from '@backplane/core/sdk';
import { z } from 'zod';

const hash = (bytes) => createHash('sha256').update(bytes).digest('hex');
const urlOf = (part) => (part.image_url ?? part.video_url).url;

export default definePlugin({
  name: 'looker',
  apiVersion: 1,
  config: z.strictObject({}),
  setup(context) {
    context.backend('looker', {
      options: z.strictObject({ modalities: z.array(z.string()).default(['text', 'image', 'video']) }),
      create: ({ options }) => ({
        async load() { return { modalities: options.modalities, slots: 4, parameters: ['max_tokens'] }; },
        async unload() {},
        async *chat({ messages }, call) {
          const said = [];
          for (const part of messages.flatMap(({ content }) => (typeof content === 'string' ? [] : content))) {
            if (part.type === 'text') { said.push(part.text); continue; }
            const media = await call.media(urlOf(part));
            if (isVideo(media.mime)) {
              const plan = ({ frames }) => [0, frames - 1];
              const { info, frames } = await decodeVideo(media, plan, { seconds: 12, pixels: 1_000_000 }, call.signal);
              const { width, height, seconds, fps } = info;
              said.push([media.mime, width + 'x' + height, seconds.toFixed(1) + 's', fps + 'fps', info.frames + ' frames', ...frames.map(({ data }) => hash(data))].join(' '));
            } else {
              const { width, height, data } = await decodeImage(media, { pixels: 1_000_000 }, call.signal);
              said.push([media.mime, width + 'x' + height, hash(data)].join(' '));
            }
          }
          yield { type: 'text', text: said.join('\\n'), tokens: said.length };
          yield { type: 'finish', reason: 'stop' };
          yield { type: 'usage', usage: { promptTokens: 10, completionTokens: said.length } };
        },
      }),
    });
  },
});
`;
