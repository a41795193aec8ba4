import type { Message, Part } from '@backplane/core/sdk';
import { describe, expect, it } from 'vitest';
import { pairSeconds } from '../src/frames.ts';
import { type Medium, type Prompt, Prompts, type VideoLayout } from '../src/prompt.ts';
import { golden } from './goldens.ts';
import { qwen } from './model.ts';

type Grid = readonly [pairs: number, rows: number, columns: number];
interface Row {
  readonly name: string;
  readonly template_text: string;
  readonly input_ids: readonly number[];
  readonly mm_token_type_ids: readonly number[];
  readonly image_grid_thw: readonly Grid[] | null;
  readonly video_grid_thw: readonly Grid[] | null;
  readonly position_ids: readonly (readonly number[])[];
  readonly mrope_delta: number;
  readonly videos?: readonly { readonly fps: number; readonly frames_indices: readonly number[] }[];
}
const old = golden<{ readonly rows: readonly Row[] }>('prompts').rows;
const recent = golden<{ readonly video_prompts: readonly Row[] }>('v5').video_prompts;

/** The request that the goldens were made from, read back from what the template wrote. */
function request(row: Row): { messages: readonly Message[]; media: Medium[] } {
  const images = (row.image_grid_thw ?? []).values();
  const videos = (row.video_grid_thw ?? []).map((grid, index) => [grid, row.videos?.[index]] as const).values();
  const body =
    /^<\|im_start\|>user\n([\s\S]*)<\|im_end\|>\n<\|im_start\|>assistant\n$/.exec(row.template_text)?.[1] ?? '';
  const media: Medium[] = [];
  const content = body
    .split(/<\|vision_start\|><\|(image|video)_pad\|><\|vision_end\|>/)
    .flatMap((piece, at): Part[] => {
      if (at % 2 === 0) return piece === '' ? [] : [{ type: 'text', text: piece }];
      if (piece === 'image') {
        const [, rows, columns] = images.next().value as Grid;
        media.push({ kind: 'image', grid: { rows, columns } });
        return [{ type: 'image_url', image_url: { url: 'data:' } }];
      }
      const [[, rows, columns], video] = videos.next().value as readonly [Grid, NonNullable<Row['videos']>[number]];
      media.push({ kind: 'video', grid: { rows, columns }, seconds: pairSeconds(video.frames_indices, video.fps) });
      return [{ type: 'video_url', video_url: { url: 'data:' } }];
    });
  return { messages: [{ role: 'user', content }], media };
}

/** 0 text, 1 image, 2 video. */
function kinds({ ids, spans }: Prompt, media: readonly Medium[]): number[] {
  const types = new Array<number>(ids.length).fill(0);
  for (const { start, rows, columns, medium } of spans) {
    types.fill(media[medium]?.kind === 'video' ? 2 : 1, start, start + rows * columns);
  }
  return types;
}

const layouts: readonly (readonly [VideoLayout, readonly Row[]])[] = [
  ['4.57', old],
  ['5', [...old.filter((row) => row.videos === undefined), ...recent]],
];

describe.each(layouts)('a prompt in the layout of transformers %s', (videoLayout, rows) => {
  const prompts = new Prompts(qwen, { videoLayout });

  it.each(rows)('has the same tokens, places and positions: $name', (row) => {
    const { messages, media } = request(row);
    const prompt = prompts.chat({ messages, media });
    expect([...prompt.ids]).toEqual(row.input_ids);
    expect(kinds(prompt, media)).toEqual(row.mm_token_type_ids);
    expect([...prompt.positions.ids]).toEqual(row.position_ids.flat());
    expect(prompt.positions.next).toBe(row.input_ids.length + row.mrope_delta);
  });
});

describe('the places of pictures', () => {
  const prompts = new Prompts(qwen);
  const image: Part = { type: 'image_url', image_url: { url: 'data:' } };
  const grid = { rows: 4, columns: 6 };

  it('are told in the order of the tokens, with the picture or pair of frames that belongs there', () => {
    const media: Medium[] = [
      { kind: 'image', grid },
      { kind: 'video', grid, seconds: [0.5, 2.5] },
      { kind: 'image', grid: { rows: 2, columns: 2 } },
    ];
    const { spans, ids } = prompts.chat({ messages: [{ role: 'user', content: [image, image, image] }], media });
    expect(spans.map(({ medium, pair, rows, columns }) => [medium, pair, rows, columns])).toEqual([
      [0, 0, 2, 3],
      [1, 0, 2, 3],
      [1, 1, 2, 3],
      [2, 0, 1, 1],
    ]);
    expect(spans.map(({ start }) => ids[start])).toEqual([151_655, 151_656, 151_656, 151_655]);
    expect(spans.map(({ start }) => ids[start - 1])).toEqual([151_652, 151_652, 151_652, 151_652]);
  });

  it('are missing where the template ignores a picture, and the request is refused', () => {
    const messages: Message[] = [
      { role: 'system', content: [image] },
      { role: 'user', content: 'hi' },
    ];
    const chat = () => prompts.chat({ messages, media: [{ kind: 'image', grid }] });
    expect(chat).toThrow('no place for a picture or video that the request has');
  });

  it('cannot be for sound', () => {
    const sound: Part = { type: 'input_audio', input_audio: { data: '', format: 'wav' } };
    const chat = () => prompts.chat({ messages: [{ role: 'user', content: [sound] }] });
    expect(chat).toThrow(
      'This model sees pictures and videos and hears nothing, and message 0 has a part "input_audio".',
    );
  });
});

describe('a plain completion', () => {
  const prompts = new Prompts(qwen);

  it('may spell out control tokens, and may be tokens', () => {
    const { ids, positions } = prompts.complete('<|im_start|>user\n');
    expect([...ids]).toEqual([151_644, 872, 198]);
    expect([...positions.ids]).toEqual([0, 1, 2, 0, 1, 2, 0, 1, 2]);
    expect([...prompts.complete([1, 151_935]).ids]).toEqual([1, 151_935]);
  });

  it.each([[151_936], [-1], [1.5], [Number.NaN]])('of the token %d is refused', (odd) => {
    expect(() => prompts.complete([1, odd])).toThrow(`The prompt has the token ${odd}`);
  });
});

describe('a text that is far too long', () => {
  const prompts = new Prompts(qwen);
  const text = ' '.repeat(10_000_000);

  it('is refused before it is tokenized', () => {
    const sentence = 'This model takes prompts of at most 1024 tokens, and a text of 10000000 characters has more';
    expect(() => prompts.complete(text, 1_024)).toThrow(`${sentence}: shorten the prompt.`);
    const chat = () => prompts.chat({ messages: [{ role: 'user', content: text }], maxTokens: 1_024 });
    expect(chat).toThrow('characters has more: shorten the messages.');
  });

  it('is not taken for one because its tokens are long', () => {
    const spaces = ' '.repeat(128 * 1_000);
    expect(prompts.complete(spaces, 1_024).ids.length).toBeLessThanOrEqual(1_024);
  });
});
