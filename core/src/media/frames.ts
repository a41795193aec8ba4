import { Failure } from '../sdk/index.ts';
import { checkSize, type Image } from './pixels.ts';

/** Longest header of a picture: `P6\n65535 65535\n255\n`. */
const mostHeader = 32;

/** Cuts a stream of binary PPM pictures, each of which says its own size, as it arrives. */
export class FrameReader {
  readonly images: Image[] = [];
  readonly #most: number;
  readonly #pixels: number;
  #head: Buffer = Buffer.alloc(0);
  /** The picture that is being read, and how far it is there. */
  #width = 0;
  #height = 0;
  #data: Uint8Array | undefined;
  #filled = 0;

  /** `most`: pictures that are wanted. `pixels`: the largest that one may be. */
  constructor(most: number, pixels: number) {
    this.#most = most;
    this.#pixels = pixels;
  }

  push(chunk: Buffer): void {
    let rest = chunk;
    while (rest.length > 0) {
      if (!this.#data) {
        rest = this.#readHeader(rest);
        continue;
      }
      const taken = Math.min(rest.length, this.#data.length - this.#filled);
      this.#data.set(rest.subarray(0, taken), this.#filled);
      this.#filled += taken;
      rest = rest.subarray(taken);
      if (this.#filled < this.#data.length) return;
      this.images.push({ width: this.#width, height: this.#height, data: this.#data });
      this.#data = undefined;
    }
  }

  #readHeader(chunk: Buffer): Buffer {
    const all = this.#head.length > 0 ? Buffer.concat([this.#head, chunk]) : chunk;
    const match = /^P6\n(\d+) (\d+)\n255\n/.exec(all.toString('latin1', 0, mostHeader));
    if (!match) {
      if (all.length >= mostHeader) throw new Failure('internal', 'ffmpeg wrote something else than pictures.');
      this.#head = Buffer.from(all);
      return Buffer.alloc(0);
    }
    if (this.images.length >= this.#most)
      throw new Failure('internal', 'ffmpeg wrote more pictures than were asked for.');
    this.#head = Buffer.alloc(0);
    [this.#width, this.#height] = [Number(match[1]), Number(match[2])];
    checkSize('video', this.#width, this.#height, this.#pixels);
    this.#data = new Uint8Array(this.#width * this.#height * 3);
    this.#filled = 0;
    return all.subarray(match[0].length);
  }
}
