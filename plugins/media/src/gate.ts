import { sniff } from '@backplane/core/media';
import type { Media, MediaLoader, Meter } from '@backplane/core/sdk';
import { Rejection } from './rejection.ts';

/** Gets the bytes that a URL names. Throws a Rejection. */
export type Read = (url: string, signal: AbortSignal) => Buffer | Promise<Buffer>;

/** What every medium passes, wherever it comes from: how many, what it is, and the counts of it. */
export class Gate {
  readonly #maxItems: number;
  readonly #meter: Meter;
  #metrics: ReturnType<typeof metricsOf> | undefined;

  constructor(maxItems: number, meter: Meter) {
    this.#maxItems = maxItems;
    this.#meter = meter;
  }

  /** `source`: what the metrics call it. */
  loader(source: string, schemes: readonly string[], read: Read): MediaLoader {
    return { schemes, load: (url, signal, before) => this.#load(source, read, url, signal, before) };
  }

  async #load(source: string, read: Read, url: string, signal: AbortSignal, before: number): Promise<Media> {
    this.#metrics ??= metricsOf(this.#meter);
    const { seconds, bytes: count, rejected } = this.#metrics;
    const begin = performance.now();
    try {
      signal.throwIfAborted();
      if (before >= this.#maxItems) {
        throw new Rejection('too_many', `A request may name at most ${this.#maxItems} media here.`);
      }
      const bytes = await read(url, signal);
      const mime = sniff(bytes);
      if (mime === undefined) throw new Rejection('unknown_type', unknownType);
      seconds.observe({ source }, (performance.now() - begin) / 1_000);
      count.inc({ source }, bytes.length);
      return { mime, bytes };
    } catch (thrown) {
      if (thrown instanceof Rejection) rejected.inc({ source, reason: thrown.reason });
      throw thrown;
    }
  }
}

const unknownType =
  'The medium is of a type that this server does not read; it reads JPEG, PNG, BMP, GIF and WEBP, and MP4, AVI, MOV, MKV, WEBM, FLV and WMV.';

function metricsOf(meter: Meter) {
  return {
    seconds: meter.histogram({
      name: 'load_seconds',
      help: 'Time to load a medium, by where it came from: data, url or file',
      labelNames: ['source'],
      buckets: [0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20],
    }),
    bytes: meter.counter({
      name: 'loaded_bytes_total',
      help: 'Bytes of media that were loaded',
      labelNames: ['source'],
    }),
    rejected: meter.counter({
      name: 'rejected_total',
      help: 'Media that were not loaded, by reason',
      labelNames: ['source', 'reason'],
    }),
  };
}
