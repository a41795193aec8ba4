import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { compileTemplate } from '@backplane/core/text';
import type { PromptParts } from '../src/prompt.ts';
import { Tokenizer } from '../src/tokenizer.ts';
import { bytes } from './goldens.ts';

/** Qwen3-VL's chat format in our own words; the goldens hold what the model's own template writes. */
export const templateSource = readFileSync(
  new URL('../../../core/test/text/fixtures/qwen3vl.jinja', import.meta.url),
  'utf8',
);

export const tokenizerJson: object = JSON.parse(gunzipSync(bytes('tokenizer.json.gz')).toString());

/** Qwen3-VL-4B-Instruct without its weights. */
export const qwen: PromptParts = {
  tokenizer: new Tokenizer(tokenizerJson, {}),
  chatTemplate: compileTemplate(templateSource),
  visionTokens: { image: 151_655, video: 151_656, start: 151_652, end: 151_653 },
  vocabulary: 151_936,
};
