import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunningServer } from '../server.ts';
import { cache, libraries } from '../sophon/simulator.ts';
import { serveExample } from './example.ts';

/** The key of the old service's document, which was its default. */
export const key = 'abc@123';
export const modelFolder = join(cache, 'models/history');

/** examples/sophon-se7.yaml on Sophgo's simulator of the chip. `media`: a folder, which is given an `image.jpg`. */
export async function serveBox(media: string): Promise<RunningServer> {
  await copyFile(join(cache, 'reference/stripes.png'), join(media, 'image.jpg'));
  const env = { API_KEY: key, MODEL_DIR: modelFolder, MEDIA_DIR: media, BACKPLANE_SOPHON_LIBRARIES: libraries };
  const edit = (text: string): string =>
    text
      // The simulator needs seconds for each token.
      .replace(/^( +)backend: sophon$/m, '$&\n$1defaults: { max_tokens: 2 }')
      // Hosts of clients are somewhere else; here they are this machine, which is not everyone's to ask.
      .replace('allow_hosts: ["*"]', 'allow_hosts: ["*:*"], allow_cidrs: [127.0.0.0/8]');
  return serveExample('sophon-se7.yaml', env, edit, { 'x-api-key': key });
}
