import { Failure } from '@backplane/core/sdk';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Size } from '../src/rgb.ts';
import { type Rule, smartResize, smartResizeVideo } from '../src/smart-resize.ts';
import { golden } from './goldens.ts';

type Result = readonly [height: number, width: number] | null;
interface Table<Row> {
  readonly rows: readonly Row[];
}
type Still = readonly [height: number, width: number, minPixels: number, maxPixels: number, result: Result];
type Moving = readonly [frames: number, ...Still];

const tables = golden<{
  readonly qwen_vl_utils: Table<Still>;
  readonly hf_image: Table<Still>;
  readonly hf_video: Table<Moving>;
}>('smart_resize');

/** null where the size is refused with a sentence. */
function answer(act: () => Size): Result {
  try {
    const { width, height } = act();
    return [height, width];
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(Failure);
    expect(thrown).toMatchObject({ code: 'media_rejected', message: expect.stringMatching(/^(A|The) .+\.$/) });
    return null;
  }
}

describe('the size in which the model sees a picture', () => {
  it.each<[Rule, readonly Still[]]>([
    ['qwen-vl-utils', tables.qwen_vl_utils.rows],
    ['transformers', tables.hf_image.rows],
  ])('is that of %s, for every size of the goldens', (rule, rows) => {
    const ours = rows.map(([height, width, minPixels, maxPixels]) => [
      ...[height, width, minPixels, maxPixels],
      answer(() => smartResize({ height, width }, { minPixels, maxPixels }, rule)),
    ]);
    expect(rows).toHaveLength(468);
    expect(ours).toEqual(rows);
  });

  it('is that of transformers for the frames of a video, for every size of the goldens', () => {
    const { rows } = tables.hf_video;
    const ours = rows.map(([frames, height, width, minPixels, maxPixels]) => [
      ...[frames, height, width, minPixels, maxPixels],
      answer(() => smartResizeVideo(frames, { height, width }, { minPixels, maxPixels })),
    ]);
    expect(rows).toHaveLength(2340);
    expect(ours).toEqual(rows);
  });

  it('is cut into whole tokens and within the budget of the chip, whatever the picture', () => {
    const side = fc.integer({ min: 1, max: 20_000 });
    fc.assert(
      fc.property(side, side, fc.integer({ min: 4, max: 768 }), (width, height, tokens) => {
        fc.pre(Math.max(width, height) / Math.min(width, height) <= 200);
        const size = smartResize({ width, height }, { minPixels: 4096, maxPixels: tokens * 1024 });
        expect([size.width % 32, size.height % 32]).toEqual([0, 0]);
        expect(Math.min(size.width, size.height)).toBeGreaterThanOrEqual(32);
        expect(size.width * size.height).toBeLessThanOrEqual(tokens * 1024);
      }),
    );
  });

  it('is refused for a picture that is a line', () => {
    const line = () => smartResize({ width: 2010, height: 10 }, { minPixels: 4096, maxPixels: 65536 });
    expect(line).toThrow('The picture is 2010x10: one side may be at most 200 times the other; crop it.');
  });
});
