import { z } from 'zod';

const paths = {
  model_dir: z
    .string()
    .min(1)
    .describe('The folder with the .bmodel and the files of its model (config.json, tokenizer.json, chat template)'),
  bmodel: z.string().min(1).optional().describe('Which .bmodel of model_dir; needed where it has several'),
  libraries: z
    .string()
    .min(1)
    .optional()
    .describe('The folder of libbmrt and libbmlib; absent: where the SDK puts them'),
};

const video = z
  .strictObject({
    fps: z.number().gt(0).max(30).default(1).describe('Frames per second of a video that the model sees'),
    pixel_ratio: z
      .number()
      .gt(0)
      .max(1)
      .default(0.5)
      .describe('What part of a picture’s pixels one frame of a video has'),
    max_seconds: z.number().gt(0).max(3_600).default(12).describe('The longest video that is taken'),
  })
  .prefault({});

/** What config.yaml says of a model under `options:`; docs/sophon.md has the table. */
export const options = z.strictObject({
  ...paths,
  device: z.int().min(0).default(0).describe('Which chip, as bm-smi numbers them'),
  sha256: z
    .string()
    .regex(/^[0-9a-fA-F]{64}$/, 'must be 64 hexadecimal digits')
    .optional()
    .describe('What the .bmodel must be; damage among its weights shows nowhere else'),
  max_pixels: z
    .int()
    .min(1_024)
    .optional()
    .describe('Pixels of a picture as the model sees it; at most what the bmodel takes'),
  max_image_pixels: z.int().min(1_024).default(33_554_432).describe('The largest picture that is decoded at all'),
  video,
  video_ratio: z
    .number()
    .gt(0)
    .max(1)
    .optional()
    .describe('The vendor’s name for video.pixel_ratio; counts instead of it'),
  sync_timeout_ms: z
    .int()
    .min(1_000)
    .optional()
    .describe('How long the driver waits for the chip; it keeps one for all its users'),
  escape_special_tokens: z
    .boolean()
    .default(true)
    .describe('Whether control tokens that a caller spells out stay text'),
});
export type Options = z.output<typeof options>;
