import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { clip, describeWithFfmpeg } from '../../core/test/media/clips.ts';
import { serve } from '../server.ts';
import { dataUrl, look, seen, show } from './ask.ts';
import { looker } from './looker.ts';

describeWithFfmpeg('temporary files of a server', () => {
  const video = clip({ as: 'mkv', options: ['-c:v', 'mpeg4'] });

  test.each([
    'inline',
    'thread',
    'process',
  ])('are gone when it has answered, and when it has stopped, %s', async (isolation) => {
    const config = `plugins: [./looker.ts, "@backplane/media"]\nmodels: [{ id: m, backend: looker, isolation: ${isolation} }]\n`;
    const temporary = await mkdtemp(join(tmpdir(), 'tidy-'));
    try {
      const server = await serve(config, { files: { 'looker.ts': looker }, env: { TMPDIR: temporary } });
      expect(await seen(look(server.url, [show(dataUrl(video))]))).toEqual([expect.stringMatching(/ 30 frames /)]);
      expect(await readdir(temporary)).toEqual([]);
      await server.stop();
      expect(await readdir(temporary)).toEqual([]);
    } finally {
      await rm(temporary, { recursive: true });
    }
  });
});
