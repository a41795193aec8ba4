import { ffmpegVersion } from '@backplane/core/media';
import { apiVersion, definePlugin } from '@backplane/core/sdk';
import { config } from './config.ts';
import { readDataUrl } from './data.ts';
import { FileReader } from './file.ts';
import { Gate } from './gate.ts';
import { HttpReader } from './http.ts';

export default definePlugin({
  name: 'media',
  apiVersion,
  config,
  setup(context, { max_items, data, url, file }) {
    const gate = new Gate(max_items, context.meter);
    context.media(gate.loader('data', ['data:'], (text) => readDataUrl(text, data.max_bytes)));
    if (url.enabled && url.allow_hosts.length > 0) {
      const reader = new HttpReader(url);
      context.media(gate.loader('url', ['http:', 'https:'], (text, signal) => reader.read(text, signal)));
      context.onDispose(() => reader.close());
    }
    if (file.allow_dirs.length > 0) {
      const reader = new FileReader(file, context.directory);
      context.media(gate.loader('file', ['file:'], (text, signal) => reader.read(text, signal)));
    }
    context.examine(async ({ signal }) => {
      const version = await ffmpegVersion(signal);
      if (version !== undefined) return [{ status: 'ok', what: `ffmpeg ${version} decodes videos` }];
      return [
        {
          status: 'warning',
          what: 'ffmpeg is not installed, so videos are refused; pictures are read without it',
          fix: 'Install it with ffprobe, e.g. apt-get install ffmpeg, or brew install ffmpeg',
        },
      ];
    });
  },
});
