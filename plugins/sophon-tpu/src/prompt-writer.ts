import { Failure } from '@backplane/core/sdk';
import { mropePositions } from './mrope.ts';
import type { Medium, Prompt, PromptParts, PromptSpan, VideoLayout } from './prompt.ts';
import { oneDecimal } from './round.ts';
import { merge, type PatchGrid } from './vision-positions.ts';

type Of<Kind> = Extract<Medium, { readonly kind: Kind }>;

/** Turns a rendered template into tokens, writing as many vision tokens as each picture has. */
export class PromptWriter {
  readonly #parts: PromptParts;
  readonly #layout: VideoLayout;
  readonly #images: Iterator<readonly [index: number, medium: Of<'image'>]>;
  readonly #videos: Iterator<readonly [index: number, medium: Of<'video'>]>;
  readonly #ids: number[] = [];
  readonly #spans: PromptSpan[] = [];
  /** Text is tokenized when a control token ends it: words may reach from the template into the caller's text. */
  #pending = '';

  constructor(parts: PromptParts, media: readonly Medium[], layout: VideoLayout) {
    this.#parts = parts;
    this.#layout = layout;
    this.#images = ofKind(media, 'image');
    this.#videos = ofKind(media, 'video');
  }

  text(text: string): void {
    this.#pending += text;
  }

  /** The control token at `at`; pieces of text lie between control tokens. Returns how many further pieces it took. */
  control(pieces: readonly string[], at: number): number {
    const { visionTokens, tokenizer } = this.#parts;
    const id = (index: number) => tokenizer.id(pieces[index] ?? '');
    const own = id(at) as number;
    if (own === visionTokens.image) this.#image();
    else if (own === visionTokens.video) this.#video();
    else if (this.#layout === '4.57' && own === visionTokens.start && pieces[at + 1] === '') {
      // The blocks of the pairs take the place of the template's own vision tokens around the video.
      if (id(at + 2) === visionTokens.video && pieces[at + 3] === '' && id(at + 4) === visionTokens.end) {
        this.#video();
        return 4;
      }
      this.#push(own);
    } else this.#push(own);
    return 0;
  }

  end(): Omit<Prompt, 'reasoning'> {
    this.#flush();
    if (!this.#images.next().done || !this.#videos.next().done) {
      const message =
        "The model's chat template has no place for a picture or video that the request has: they belong in messages of the user.";
      throw new Failure('invalid_request', message, { param: 'messages' });
    }
    const ids = Int32Array.from(this.#ids);
    return { ids, spans: this.#spans, positions: mropePositions(ids.length, this.#spans) };
  }

  #image(): void {
    const [medium, { grid }] = this.#next(this.#images);
    this.#vision(this.#parts.visionTokens.image, grid, medium, 0);
  }

  #video(): void {
    const { start, end, video } = this.#parts.visionTokens;
    const [medium, { grid, seconds }] = this.#next(this.#videos);
    for (const [pair, second] of seconds.entries()) {
      this.text(`<${oneDecimal(second)} seconds>`);
      this.#push(start);
      this.#vision(video, grid, medium, pair);
      this.#push(end);
    }
  }

  #next<Medium>(media: Iterator<Medium>): Medium {
    const next = media.next();
    if (!next.done) return next.value;
    const message = 'The messages spell out a place for a picture or video without one; send it as a part of its own.';
    throw new Failure('invalid_request', message, { param: 'messages' });
  }

  #vision(id: number, grid: PatchGrid, medium: number, pair: number): void {
    const rows = grid.rows / merge;
    const columns = grid.columns / merge;
    this.#flush();
    this.#spans.push({ start: this.#ids.length, rows, columns, medium, pair });
    for (let token = 0; token < rows * columns; token++) this.#ids.push(id);
  }

  #push(id: number): void {
    this.#flush();
    this.#ids.push(id);
  }

  #flush(): void {
    for (const id of this.#parts.tokenizer.encodeAsText(this.#pending)) this.#ids.push(id);
    this.#pending = '';
  }
}

function ofKind<Kind extends Medium['kind']>(media: readonly Medium[], kind: Kind) {
  const chosen = media.flatMap((medium, index) => (medium.kind === kind ? [[index, medium as Of<Kind>] as const] : []));
  return chosen.values();
}
