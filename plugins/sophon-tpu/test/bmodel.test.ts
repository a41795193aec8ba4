import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkBmodelDigest, checkBmodelHeader } from '../src/bmodel.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'backplane-bmodel-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** The vendor's header and as many bytes as it speaks of. */
function bmodel(words: readonly number[] = [0xff55aaee, 64, 100, 28], bytes = 192): Buffer {
  const file = Buffer.alloc(bytes, 7);
  for (const [index, word] of words.entries()) file.writeUInt32LE(word, index * 4);
  return file;
}

async function file(content: Buffer | string): Promise<string> {
  const path = join(folder, 'x.bmodel');
  await writeFile(path, content);
  return path;
}

describe('a bmodel, before the vendor reads a byte of it,', () => {
  test('passes when header and sizes agree', async () => {
    const path = await file(bmodel());
    expect(() => checkBmodelHeader(path)).not.toThrow();
  });

  test.each([
    ['is a text', Buffer.from('weights of a model'.repeat(10)), 'its first bytes are not those of a bmodel'],
    ['is empty', Buffer.alloc(0), 'it has only 0 bytes'],
    ['has another header', bmodel([0xff55aaee, 128, 100, 28]), 'its header has another size than 64'],
    [
      'was cut',
      bmodel().subarray(0, 191),
      'it has 191 bytes and its header speaks of 192: it was cut or damaged on its way',
    ],
    [
      'speaks of too much',
      bmodel([0xff55aaee, 64, 0xffffffff, 0xffffffff]),
      'it has 192 bytes and its header speaks of 8589934654: it was cut or damaged on its way',
    ],
    ['has no flatbuffer', bmodel([0xff55aaee, 64, 0, 28]), /^.*it was cut or damaged on its way/],
  ])('is refused when it %s', async (_, content, why) => {
    const path = await file(content);
    const said = typeof why === 'string' ? `${path} cannot be loaded as a bmodel: ${why}. Name the` : why;
    expect(() => checkBmodelHeader(path)).toThrow(said);
  });

  test('is refused when it is a folder, or not there', () => {
    expect(() => checkBmodelHeader(folder)).toThrow('it is no regular file');
    expect(() => checkBmodelHeader(join(folder, 'none'))).toThrow('it cannot be read (ENOENT)');
  });

  test('is compared with the SHA-256 of the configuration, in either case', async () => {
    const path = await file(bmodel());
    const digest = createHash('sha256').update(bmodel()).digest('hex');
    await checkBmodelDigest(path, digest.toUpperCase());
    const damaged = bmodel();
    damaged[150] = 8;
    await expect(checkBmodelDigest(await file(damaged), digest)).rejects.toThrow(
      `and the configuration says ${digest}`,
    );
  });
});
