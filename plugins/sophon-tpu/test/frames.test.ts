import { describe, expect, it } from 'vitest';
import { chooseFrames, frameBudget, pairSeconds } from '../src/frames.ts';
import { oneDecimal } from '../src/round.ts';
import { leastPixels, smartResize } from '../src/smart-resize.ts';
import { golden } from './goldens.ts';

interface Row {
  readonly total_frames: number;
  readonly video_fps: number;
  readonly fps: number;
  readonly indices: readonly number[];
  readonly timestamps: readonly number[];
  readonly labels: readonly string[];
  readonly error?: string;
}
const { qwen_vl_utils: demo, hf_video_processor: processor } = golden<{
  readonly qwen_vl_utils: { readonly rows: readonly Row[] };
  readonly hf_video_processor: { readonly rows: readonly Row[] };
}>('frames');
const title = '$total_frames frames at $video_fps per second, $fps wanted';

describe('the frames that the model sees, as qwen-vl-utils chooses them', () => {
  it.each(demo.rows.filter((row) => !row.error))(title, (row) => {
    const indices = chooseFrames({ frames: row.total_frames, fps: row.video_fps }, { fps: row.fps });
    expect(indices).toEqual(row.indices);
    const seconds = pairSeconds(indices, row.video_fps);
    expect(seconds).toEqual(row.timestamps);
    expect(seconds.map((second) => `<${oneDecimal(second)} seconds>`)).toEqual(row.labels);
  });

  it.each(demo.rows.filter((row) => row.error))(`${title}: refused`, (row) => {
    const choose = () => chooseFrames({ frames: row.total_frames, fps: row.video_fps }, { fps: row.fps });
    expect(choose).toThrow('The video has 1 frame(s); it needs at least 2. Send it as an image.');
  });
});

describe("the frames that the model sees, as transformers' video processor chooses them", () => {
  it.each(processor.rows)(title, (row) => {
    const video = { frames: row.total_frames, fps: row.video_fps };
    expect(chooseFrames(video, { fps: row.fps }, 'transformers')).toEqual(row.indices);
  });
});

describe('the number of frames', () => {
  const video = { frames: 300, fps: 25 };
  it('is bounded by the operator, downwards to an even number', () => {
    expect(chooseFrames(video, { fps: 1, maxFrames: 7 })).toHaveLength(6);
    expect(chooseFrames(video, { fps: 0.1, minFrames: 5 })).toHaveLength(6);
  });
});

describe('the pixels of one frame', () => {
  const model = { minPixels: leastPixels, maxPixels: 768 * 768 };
  const shared = (tokens: number) => (tokens - 128) * 1024;

  it('make 864 tokens of 12 seconds of 720p at one frame per second, whether the ratio is a half or the whole', () => {
    for (const ratio of [0.5, 1]) {
      const budget = frameBudget(12, model, { ratio, totalPixels: shared(1024) });
      const { width, height } = smartResize({ width: 1280, height: 720 }, budget);
      expect([width, height, (6 * width * height) / 1024]).toEqual([512, 288, 864]);
    }
  });

  it('are the share of all pairs of frames where the ratio allows more', () => {
    for (const ratio of [0.26, 0.5, 1]) {
      const budget = frameBudget(12, model, { ratio, totalPixels: shared(1024) });
      expect(Math.floor(budget.maxPixels)).toBe(152_917);
    }
  });

  it('are the ratio of what a picture may have where that is less', () => {
    expect(frameBudget(4, model, { ratio: 0.25, totalPixels: shared(1024) }).maxPixels).toBe(147_456);
  });

  it('are at least a little more than the least, however many frames there are', () => {
    expect(frameBudget(768, model, { ratio: 1, totalPixels: shared(1024) }).maxPixels).toBe(4300);
  });
});
