import { describe, expect, it } from 'vitest';
import { resizeBicubic } from '../src/bicubic.ts';
import { patchGrid, patchify } from '../src/patches.ts';
import { smartResize } from '../src/smart-resize.ts';
import { imageInput, type VisionInput, videoInputs } from '../src/vision.ts';
import { type Card, golden, picture, sha256 } from './goldens.ts';

interface Row {
  readonly file: string;
  readonly size_wh: readonly [width: number, height: number];
  readonly min_pixels: number;
  readonly max_pixels: number;
  readonly rgb_sha256: string;
  readonly resized_wh: readonly [width: number, height: number];
  readonly resized_file: string;
  readonly resized_rgb_sha256: string;
  readonly image_grid_thw: readonly [pairs: number, rows: number, columns: number];
  readonly pixel_values: Card;
}
const { images, batch_of_two: batch } = golden<{
  readonly images: readonly Row[];
  readonly batch_of_two: { readonly files: readonly string[]; readonly pixel_values: Card };
}>('images');

const { rows: prompts } = golden<{
  readonly rows: readonly {
    readonly name: string;
    readonly pixel_values?: Card;
    readonly pixel_values_videos?: Card;
    readonly video_frames?: { readonly files: readonly string[]; readonly resized_hw: readonly [number, number] };
  }[];
}>('prompts');

describe.each(images)('$file for the vision tower', (row) => {
  const [width, height] = row.resized_wh;

  it('has the size that the reference gives it', () => {
    const [fileWidth, fileHeight] = row.size_wh;
    const budget = { minPixels: row.min_pixels, maxPixels: row.max_pixels };
    expect(smartResize({ width: fileWidth, height: fileHeight }, budget)).toEqual({ width, height });
    const [, rows, columns] = row.image_grid_thw;
    expect(patchGrid({ width, height })).toEqual({ rows, columns });
  });

  it('has the same patches, once it is resized', async () => {
    const resized = await picture(row.resized_file);
    expect(sha256(resized.data)).toBe(row.resized_rgb_sha256);
    expect(sha256(patchify(resized))).toBe(row.pixel_values.sha256);
  });

  it('has the same patches, from the file on', async () => {
    const image = await picture(row.file);
    expect([image.width, image.height]).toEqual(row.size_wh);
    expect(sha256(image.data)).toBe(row.rgb_sha256);
    expect(sha256(resizeBicubic(image, { width, height }).data)).toBe(row.resized_rgb_sha256);
    const { patches: values } = imageInput(image, { width, height });
    expect(values.length).toBe((row.pixel_values.shape[0] ?? 0) * 1536);
    expect(row.pixel_values.picks.map(([index]) => values[index])).toEqual(
      row.pixel_values.picks.map(([, value]) => value),
    );
    expect(sha256(values)).toBe(row.pixel_values.sha256);
  });
});

/** Patches of several launches, one after the other, as the reference hands them over in one tensor. */
function together(inputs: readonly VisionInput[]): Float32Array {
  return Float32Array.from(inputs.flatMap(({ patches }) => [...patches]));
}

async function still(file: string, maxPixels: number): Promise<VisionInput> {
  const image = await picture(file);
  return imageInput(image, smartResize(image, { minPixels: 4096, maxPixels }));
}

describe('several pictures', () => {
  it('have the same patches as in one batch of the reference', async () => {
    const inputs = await Promise.all(batch.files.map((file) => still(file, 65_536)));
    expect(sha256(together(inputs))).toBe(batch.pixel_values.sha256);
  });

  it.each([
    ['one_image', [['rgb_100x75.png', 65_536]]],
    ['text_then_image', [['rgb_320x200.png', 12_288]]],
    [
      'two_images',
      [
        ['rgb_100x75.png', 65_536],
        ['tall_40x300.png', 65_536],
      ],
    ],
    ['image_and_video', [['rgb_64x64.png', 65_536]]],
  ] as const)('have the same patches as in the prompt %s', async (name, files) => {
    const inputs = await Promise.all(files.map(([file, maxPixels]) => still(`img/${file}`, maxPixels)));
    expect(sha256(together(inputs))).toBe(prompts.find((prompt) => prompt.name === name)?.pixel_values?.sha256);
  });
});

describe('a video', () => {
  const [even, odd] = ['video', 'video_odd_frames'].map((name) => prompts.find((prompt) => prompt.name === name));
  const inputs = async (prompt: typeof even) => {
    const {
      files,
      resized_hw: [height, width],
    } = prompt?.video_frames ?? { files: [], resized_hw: [0, 0] };
    return videoInputs(await Promise.all(files.map(picture)), { width, height });
  };

  it('has the same patches, one input per pair of frames', async () => {
    const pairs = await inputs(even);
    expect(pairs).toHaveLength(2);
    expect(sha256(together(pairs))).toBe(even?.pixel_values_videos?.sha256);
  });

  it('of an odd number of frames shows the last one twice, and differs where the reference resizes with torch', async () => {
    const pairs = await inputs(odd);
    expect(pairs).toHaveLength(2);
    const ours = together(pairs);
    const differences = (odd?.pixel_values_videos?.picks ?? []).map(([at, value]) => Math.abs((ours[at] ?? 9) - value));
    expect(differences).toHaveLength(48);
    // Within 6 to 21 of 255 at hard edges: torch does not round between its two passes as Pillow does.
    expect(Math.max(...differences)).toBeLessThan(21 / 127.5);
    expect(differences.reduce((sum, value) => sum + value) / 48).toBeLessThan(1 / 127.5);
    const last = pairs[1]?.patches ?? new Float32Array();
    expect(last.subarray(256, 512)).toEqual(last.subarray(0, 256));
  });
});
