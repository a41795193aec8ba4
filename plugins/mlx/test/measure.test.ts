import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Log } from '@backplane/core/sdk';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Measure } from '../src/measure.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'backplane-test-measure-'));
});
afterEach(() => rm(folder, { recursive: true }));

const tooLong = { model: 'm', prompt: 'word '.repeat(1_000), extra: {} };

/** What is logged when a prompt has to be counted twice. */
async function warnings(): Promise<readonly [object, string][]> {
  const said: [object, string][] = [];
  const log = { warn: (fields: object, text: string) => said.push([fields, text]) } as unknown as Log;
  const measure = new Measure({ folder, contextLength: 100, log });
  expect(await measure.room(tooLong)).toBe(100);
  await measure.room(tooLong);
  return said;
}

const consequence = 'The tokenizer of this model cannot be read: a prompt that is too long for it is not refused here';

test('a model without a tokenizer is told of once, with what follows from it', async () => {
  expect(await warnings()).toEqual([[{ folder, reason: expect.stringContaining('ENOENT') }, consequence]]);
});

test('so is one whose tokenizer is not understood', async () => {
  await writeFile(join(folder, 'tokenizer.json'), '{ "model": ');
  expect(await warnings()).toEqual([[{ folder, reason: expect.stringContaining('JSON') }, consequence]]);
});
